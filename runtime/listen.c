// Addresses are numbers: a resolver would be larger than the server.
#define _GNU_SOURCE
#include "runtime/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

// Returns the length of the address, 0 where the text is none.
static socklen_t parse_listen(const char *text, struct sockaddr_storage *address) {
  const char *colon = strrchr(text, ':');
  char host[64], *end;
  if (!colon || (size_t)(colon - text) >= sizeof host || colon[1] < '0' || colon[1] > '9') return 0;
  unsigned long port = strtoul(colon + 1, &end, 10);
  if (*end || port > 65535) return 0;
  memcpy(host, text, (size_t)(colon - text));
  host[colon - text] = '\0';
  memset(address, 0, sizeof *address);
  if (host[0] == '[' && colon > text && colon[-1] == ']') {
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    host[colon - text - 1] = '\0';
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1 ? sizeof *v6 : 0;
  }
  struct sockaddr_in *v4 = (struct sockaddr_in *)address;
  v4->sin_family = AF_INET;
  v4->sin_port = htons((uint16_t)port);
  const char *name = !host[0] ? "0.0.0.0" : strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
  return inet_pton(AF_INET, name, &v4->sin_addr) == 1 ? sizeof *v4 : 0;
}

static void print_url(const struct sockaddr_storage *address, char url[URL_BYTES]) {
  char host[INET6_ADDRSTRLEN] = "";
  if (address->ss_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
    snprintf(url, URL_BYTES, "http://[%s]:%u", host, ntohs(v6->sin6_port));
  } else {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
    snprintf(url, URL_BYTES, "http://%s:%u", host, ntohs(v4->sin_port));
  }
}

int open_listener(const char *text, char url[URL_BYTES], Error *error) {
  struct sockaddr_storage address;
  socklen_t length = parse_listen(text, &address);
  int on = 1, fd = -1;
  if (length == 0)
    fail(error, "--listen takes ADDRESS:PORT, as 127.0.0.1:8080, not '%s'", text);
  else if ((fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
    fail(error, "cannot open a socket: %s", strerror(errno));
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, BACKLOG) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
    fail(error, "cannot listen on '%s': %s", text, strerror(errno));
    close(fd);
    return -1;
  }
  print_url(&address, url);
  return fd;
}
