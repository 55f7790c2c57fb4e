// Weights in ELF files. A linker would hold them in memory and would break on more than 2 GB between code and data, so
// an executable is linked with a placeholder of one byte in a segment of its own, last in the file and far above the
// rest in memory. The data is written over it afterwards and the segment grown: one sequential write, no memory. The
// kernel maps it on demand and shares it between processes.
//
// Objects and libraries hold a section with the weights; on x86-64 it is marked large, so that linkers put it where it
// does not come between code and its data.
#include "compiler/link/weights.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#ifndef SHF_X86_64_LARGE
#define SHF_X86_64_LARGE (1 << 28)
#endif

// Everything here is written for 64-bit little-endian files: the only kind that a target has.
static bool is_elf64(const Elf64_Ehdr *header) {
  return !memcmp(header->e_ident, ELFMAG, SELFMAG) && header->e_ident[EI_CLASS] == ELFCLASS64 &&
         header->e_ident[EI_DATA] == ELFDATA2LSB;
}

static bool read_header(Diag *diag, const char *path, Elf64_Ehdr *header) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return diag_error(diag, path, "cannot open object: %s", strerror(errno));
  bool ok = read(fd, header, sizeof *header) == sizeof *header && is_elf64(header);
  close(fd);
  return ok || diag_error(diag, path, "not a 64-bit little-endian ELF object");
}

// File: header, section headers, symbols, names, then the weights at the next multiple of their alignment.
enum { SECTION_NULL, SECTION_WEIGHTS, SECTION_SYMBOLS, SECTION_NAMES, SECTION_STACK, SECTION_COUNT };
typedef struct {
  Elf64_Ehdr header;
  Elf64_Shdr sections[SECTION_COUNT];
  Elf64_Sym symbols[2];
} ObjectStart;

bool write_weights_object(Arena *arena, Diag *diag, const char *like, const char *path, const char *section,
                          const char *symbol, const WeightSource *weights) {
  ObjectStart start = {0};
  Elf64_Ehdr model;
  if (!read_header(diag, like, &model)) return false;

  Text names = {.arena = arena};
  text_append(&names, "", 1);
  size_t section_name = names.size;
  text_append(&names, section, strlen(section) + 1);
  size_t symbol_name = names.size;
  text_append(&names, symbol, strlen(symbol) + 1);
  size_t symtab_name = names.size;
  text_append(&names, ".symtab", sizeof ".symtab");
  size_t strtab_name = names.size;
  text_append(&names, ".strtab", sizeof ".strtab");
  size_t stack_name = names.size;
  text_append(&names, ".note.GNU-stack", sizeof ".note.GNU-stack");

  // Version, ABI and machine flags must be those of the model's object, or the linker refuses to mix them.
  start.header = (Elf64_Ehdr){.e_type = ET_REL,
                              .e_machine = model.e_machine,
                              .e_version = EV_CURRENT,
                              .e_shoff = offsetof(ObjectStart, sections),
                              .e_flags = model.e_flags,
                              .e_ehsize = sizeof(Elf64_Ehdr),
                              .e_shentsize = sizeof(Elf64_Shdr),
                              .e_shnum = SECTION_COUNT,
                              .e_shstrndx = SECTION_NAMES};
  memcpy(start.header.e_ident, model.e_ident, EI_NIDENT);
  bool large = !strncmp(section, ".l", 2) && model.e_machine == EM_X86_64;
  int64_t data = round_up((int64_t)(sizeof start + names.size), WEIGHTS_ALIGN);
  start.sections[SECTION_WEIGHTS] = (Elf64_Shdr){.sh_name = (Elf64_Word)section_name,
                                                 .sh_type = SHT_PROGBITS,
                                                 .sh_flags = SHF_ALLOC | (large ? SHF_X86_64_LARGE : 0),
                                                 .sh_offset = (Elf64_Off)data,
                                                 .sh_size = weights->size,
                                                 .sh_addralign = WEIGHTS_ALIGN};
  start.sections[SECTION_SYMBOLS] = (Elf64_Shdr){.sh_name = (Elf64_Word)symtab_name,
                                                 .sh_type = SHT_SYMTAB,
                                                 .sh_offset = offsetof(ObjectStart, symbols),
                                                 .sh_size = sizeof start.symbols,
                                                 .sh_link = SECTION_NAMES,
                                                 .sh_info = 1,
                                                 .sh_addralign = 8,
                                                 .sh_entsize = sizeof(Elf64_Sym)};
  start.sections[SECTION_NAMES] = (Elf64_Shdr){.sh_name = (Elf64_Word)strtab_name,
                                               .sh_type = SHT_STRTAB,
                                               .sh_offset = sizeof start,
                                               .sh_size = names.size,
                                               .sh_addralign = 1};
  start.sections[SECTION_STACK] = (Elf64_Shdr){
      .sh_name = (Elf64_Word)stack_name, .sh_type = SHT_PROGBITS, .sh_offset = sizeof start, .sh_addralign = 1};
  start.symbols[1] = (Elf64_Sym){.st_name = (Elf64_Word)symbol_name,
                                 .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
                                 .st_other = STV_HIDDEN,
                                 .st_shndx = SECTION_WEIGHTS,
                                 .st_size = weights->size};

  Output *output = output_open(arena, diag, path);
  if (!output) return false;
  int fd = output_fd(output);
  bool ok = write_all(fd, &start, sizeof start) && write_all(fd, names.data, names.size) &&
            lseek(fd, data, SEEK_SET) == data && weights->write(weights->context, fd);
  return ok ? output_commit(diag, output, false) : output_error(diag, output);
}

static bool not_understood(Diag *diag) {
  return diag_error(diag, "ingot", "the linker's output is not understood: use lld 19");
}

bool append_weights(Arena *arena, Diag *diag, Output *output, const WeightSource *weights) {
  int fd = output_fd(output);
  Elf64_Ehdr header;
  if (pread(fd, &header, sizeof header, 0) != sizeof header || !is_elf64(&header)) return not_understood(diag);
  size_t size = header.e_phnum * sizeof(Elf64_Phdr);
  Elf64_Phdr *segments = arena_alloc(arena, size), *last = NULL;
  if (pread(fd, segments, size, (off_t)header.e_phoff) != (ssize_t)size) return not_understood(diag);
  for (size_t i = 0; i < header.e_phnum; i++)
    if (segments[i].p_type == PT_LOAD) last = &segments[i];
  if (!last || last->p_vaddr != WEIGHTS_ADDRESS)
    return diag_error(diag, "ingot", "the model's code does not use its weights: please report this");

  // After the placeholder come section headers, which nothing needs to run the file.
  header.e_shoff = 0;
  header.e_shnum = header.e_shstrndx = 0;
  last->p_flags = PF_R;
  last->p_filesz = last->p_memsz = weights->size;
  off_t start = (off_t)last->p_offset, end = start + (off_t)weights->size;
  bool ok = pwrite(fd, &header, sizeof header, 0) == sizeof header &&
            pwrite(fd, segments, size, (off_t)header.e_phoff) == (ssize_t)size && ftruncate(fd, start) == 0 &&
            lseek(fd, start, SEEK_SET) == start && weights->write(weights->context, fd);
  if (!ok) return output_error(diag, output);
  return lseek(fd, 0, SEEK_CUR) == end ||
         diag_error(diag, "ingot", "weights written differ in size from those planned: please report this");
}
