// Output files and temporary folders. Both hang on the arena, so that no way out of a compilation leaves them behind.
#include "compiler/link/output.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct Output {
  const char *path;
  char *temporary; // NULL once it has its name
  int fd;          // -1 once closed
};

static void close_output(Output *output) {
  if (output->fd >= 0) close(output->fd);
  output->fd = -1;
}

/* what lies on the disk for now */

// Temporary files and folders of this process, for the case that a signal ends it. The only state that compilations
// share: they end together, too.
static pthread_mutex_t temporary_lock = PTHREAD_MUTEX_INITIALIZER;
static const char *temporaries[64];

static void note_temporary(const char *path) {
  pthread_mutex_lock(&temporary_lock);
  for (size_t i = 0; i < COUNT(temporaries); i++)
    if (!temporaries[i]) {
      temporaries[i] = path;
      break;
    }
  pthread_mutex_unlock(&temporary_lock);
}

static void forget_temporary(const char *path) {
  pthread_mutex_lock(&temporary_lock);
  for (size_t i = 0; i < COUNT(temporaries); i++)
    if (temporaries[i] == path) temporaries[i] = NULL;
  pthread_mutex_unlock(&temporary_lock);
}

static void remove_path(const char *path) {
  if (unlink(path) == 0 || (errno != EISDIR && errno != EPERM)) return;
  DIR *dir = opendir(path);
  if (!dir) return;
  for (struct dirent *entry; (entry = readdir(dir));)
    unlinkat(dirfd(dir), entry->d_name, 0); // NOLINT: dirfd of an open folder does not fail
  closedir(dir);
  rmdir(path);
}

void remove_temporaries(void) {
  pthread_mutex_lock(&temporary_lock); // and never let go: nothing may be made any more
  for (size_t i = 0; i < COUNT(temporaries); i++)
    if (temporaries[i]) remove_path(temporaries[i]);
}

/* outputs */

static void release_output(void *object) {
  Output *output = object;
  close_output(output);
  if (!output->temporary) return;
  unlink(output->temporary);
  forget_temporary(output->temporary);
}

bool output_check(Diag *diag, const char *path, const char *input) {
  struct stat info, other;
  size_t length = strlen(path);
  bool exists = stat(path, &info) == 0;
  if (!length || path[length - 1] == '/' || (exists && S_ISDIR(info.st_mode)))
    return diag_error(diag, path, "output is a folder: name a file");
  if (exists && !S_ISREG(info.st_mode))
    return diag_error(diag, path, "output is no regular file: it would be replaced");
  if (exists && input && stat(input, &other) == 0 && info.st_dev == other.st_dev && info.st_ino == other.st_ino)
    return diag_error(diag, path, "output is the model itself");
  const char *slash = strrchr(path, '/');
  char folder[PATH_MAX];
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
  if (access(folder, W_OK | X_OK) == 0) return true;
  return diag_error(diag, path, "cannot create output: %s", strerror(errno));
}

Output *output_open(Arena *arena, Diag *diag, const char *path) {
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  if (!output_check(diag, path, NULL)) return NULL;
  Output *output = NEW(arena, Output);
  output->path = path;
  output->temporary = arena_printf(arena, "%.*s.%.200s.XXXXXX.tmp", (int)(name - path), path, name);
  output->fd = mkostemps(output->temporary, 4, O_CLOEXEC);
  if (output->fd < 0) {
    diag_error(diag, path, "cannot create output: %s", strerror(errno));
    return NULL;
  }
  note_temporary(output->temporary);
  arena_on_free(arena, release_output, output);
  return output;
}

int output_fd(const Output *output) { return output->fd; }

bool output_error(Diag *diag, const Output *output) {
  return diag_error(diag, output->path, "cannot write output: %s", strerror(errno));
}

bool output_commit(Diag *diag, Output *output, bool executable) {
  mode_t mask = umask(0);
  umask(mask);
  bool ok = fchmod(output->fd, (executable ? 0777 : 0666) & ~mask) == 0;
  ok = close(output->fd) == 0 && ok;
  output->fd = -1;
  ok = ok && rename(output->temporary, output->path) == 0;
  if (!ok) return output_error(diag, output);
  forget_temporary(output->temporary);
  output->temporary = NULL;
  return true;
}

static void remove_folder(void *object) {
  remove_path(object);
  forget_temporary(object);
}

const char *temporary_folder(Arena *arena, Diag *diag) {
  const char *parent = getenv("TMPDIR");
  char *path = arena_printf(arena, "%s/ingot.XXXXXX", parent && *parent ? parent : "/tmp");
  if (!mkdtemp(path)) {
    diag_error(diag, path, "cannot create a folder for temporary files: %s", strerror(errno));
    return NULL;
  }
  note_temporary(path);
  arena_on_free(arena, remove_folder, path);
  return path;
}

bool write_all(int fd, const void *data, size_t size) {
  const char *at = data;
  while (size) {
    ssize_t n = write(fd, at, size < 1 << 30 ? size : 1 << 30); // Linux writes at most 2 GiB at a time
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    at += n;
    size -= (size_t)n;
  }
  return true;
}
