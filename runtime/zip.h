// Zip archives as NumPy makes them: entries stored or deflated, with or without zip64 fields.
#pragma once
#include "runtime/system.h"

typedef struct {
  const char *name; // not '\0'-terminated
  size_t name_length;
  uint16_t method;
  uint32_t crc;
  const uint8_t *packed; // inside the archive
  size_t packed_size, size;
} ZipEntry;

typedef struct {
  const uint8_t *data, *at, *end; // the central directory from at to end
  size_t size;
  uint64_t left; // entries
} ZipReader;

bool open_zip(ZipReader *zip, const uint8_t *data, size_t size, Error *error);
// False at the end, where error->text is "", and at a fault.
bool read_zip_entry(ZipReader *zip, ZipEntry *entry, Error *error);
// The entry's bytes, checked by their CRC, into out[entry->size].
bool unpack_zip_entry(const ZipEntry *entry, uint8_t *out, Error *error);

// An archive of stored entries that is written front to back. Entries and the archive stay below 4 GiB, the limit of
// the plain format.
enum { ZIP_ENTRIES = 256, ZIP_NAME = 255 };
typedef struct {
  Output *output;
  uint64_t offset;
  uint32_t count;
  struct {
    char name[ZIP_NAME + 1];
    uint32_t crc, size, offset;
  } entries[ZIP_ENTRIES];
} ZipWriter;

// One entry made of two pieces.
bool write_zip_entry(ZipWriter *zip, const char *name, const void *head, size_t head_size, const void *body,
                     size_t body_size, Error *error);
bool finish_zip(ZipWriter *zip, Error *error);
