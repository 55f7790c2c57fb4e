// Reading through the central directory (PKWARE's APPNOTE, sections 4.3 to 4.5), writing stored entries.
#include "runtime/zip.h"

#include <string.h>

#include "runtime/inflate.h"

enum {
  LOCAL_MAGIC = 0x04034b50,
  CENTRAL_MAGIC = 0x02014b50,
  END_MAGIC = 0x06054b50,
  END64_MAGIC = 0x06064b50,
  LOCATOR64_MAGIC = 0x07064b50,
  LOCAL_SIZE = 30,
  CENTRAL_SIZE = 46,
  END_SIZE = 22,
  LOCATOR64_SIZE = 20,
  END64_SIZE = 56,
};

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t get32(const uint8_t *p) { return get16(p) | (uint32_t)get16(p + 2) << 16; }
static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

bool open_zip(ZipReader *zip, const uint8_t *data, size_t size, Error *error) {
  size_t end = size < END_SIZE ? 0 : size - END_SIZE;
  size_t lowest = end > 65535 ? end - 65535 : 0; // the archive's comment may follow the end record
  while (size >= END_SIZE && end > lowest && get32(data + end) != END_MAGIC) end--;
  if (size < END_SIZE || get32(data + end) != END_MAGIC) return fail(error, "the zip archive has no end record");
  uint64_t count = get16(data + end + 10), bytes = get32(data + end + 12), offset = get32(data + end + 16);
  if (end >= LOCATOR64_SIZE && get32(data + end - LOCATOR64_SIZE) == LOCATOR64_MAGIC) {
    uint64_t at = get64(data + end - LOCATOR64_SIZE + 8);
    if (size < END64_SIZE || at > size - END64_SIZE || get32(data + at) != END64_MAGIC)
      return fail(error, "the zip archive's end record is broken");
    count = get64(data + at + 32), bytes = get64(data + at + 40), offset = get64(data + at + 48);
  }
  if (offset > size || bytes > size - offset) return fail(error, "the zip archive's directory lies outside the file");
  *zip = (ZipReader){.data = data, .at = data + offset, .end = data + offset + bytes, .size = size, .left = count};
  return true;
}

// The zip64 extra field gives, in this order, those of size, packed size and offset that are all ones.
static bool read_zip64(const uint8_t *extra, size_t length, uint64_t *size, uint64_t *packed, uint64_t *offset) {
  uint64_t *const fields[] = {size, packed, offset};
  size_t needed = 0;
  for (size_t f = 0; f < COUNT(fields); f++) needed += *fields[f] == UINT32_MAX;
  if (needed == 0) return true;
  while (length >= 4) {
    size_t id = get16(extra), bytes = get16(extra + 2);
    if (bytes > length - 4) return false;
    if (id == 1) {
      if (bytes < needed * 8) return false;
      const uint8_t *p = extra + 4;
      for (size_t f = 0; f < COUNT(fields); f++)
        if (*fields[f] == UINT32_MAX) *fields[f] = get64(p), p += 8;
      return true;
    }
    extra += 4 + bytes;
    length -= 4 + bytes;
  }
  return true; // all ones may be the plain value
}

bool read_zip_entry(ZipReader *zip, ZipEntry *entry, Error *error) {
  error->text[0] = '\0';
  if (zip->left == 0) return false;
  size_t left = (size_t)(zip->end - zip->at);
  if (left < CENTRAL_SIZE || get32(zip->at) != CENTRAL_MAGIC)
    return fail(error, "the zip archive's directory is broken");
  size_t name = get16(zip->at + 28), extra = get16(zip->at + 30), comment = get16(zip->at + 32);
  if (name + extra + comment > left - CENTRAL_SIZE) return fail(error, "the zip archive's directory is broken");
  uint64_t packed = get32(zip->at + 20), size = get32(zip->at + 24), offset = get32(zip->at + 42);
  if (!read_zip64(zip->at + CENTRAL_SIZE + name, extra, &size, &packed, &offset))
    return fail(error, "the zip archive's zip64 field is broken");
  if (zip->size < LOCAL_SIZE || offset > zip->size - LOCAL_SIZE || get32(zip->data + offset) != LOCAL_MAGIC)
    return fail(error, "a zip entry lies outside the file");
  // The local header has its own name and extra field, of other lengths.
  uint64_t start = offset + LOCAL_SIZE + get16(zip->data + offset + 26) + get16(zip->data + offset + 28);
  if (start > zip->size || packed > zip->size - start) return fail(error, "a zip entry lies outside the file");
  if (get16(zip->at + 8) & 1) return fail(error, "the zip archive is encrypted");
  *entry = (ZipEntry){.name = (const char *)zip->at + CENTRAL_SIZE,
                      .name_length = name,
                      .method = get16(zip->at + 10),
                      .crc = get32(zip->at + 16),
                      .packed = zip->data + start,
                      .packed_size = packed,
                      .size = size};
  zip->at += CENTRAL_SIZE + name + extra + comment;
  zip->left--;
  return true;
}

bool unpack_zip_entry(const ZipEntry *entry, uint8_t *out, Error *error) {
  const char *fault = NULL;
  if (entry->method == 8)
    fault = inflate(entry->packed, entry->packed_size, out, entry->size);
  else if (entry->method != 0)
    fault = "its compression method is neither stored nor deflate";
  else if (entry->packed_size != entry->size)
    fault = "its sizes differ";
  else if (entry->size > 0)
    memcpy(out, entry->packed, entry->size);
  if (!fault && update_crc32(0, out, entry->size) != entry->crc) fault = "its CRC differs";
  return !fault || fail(error, "zip entry '%.*s': %s", (int)entry->name_length, entry->name, fault);
}

static uint8_t *put16(uint8_t *p, uint32_t value) {
  p[0] = (uint8_t)value, p[1] = (uint8_t)(value >> 8);
  return p + 2;
}
static uint8_t *put32(uint8_t *p, uint32_t value) { return put16(put16(p, value & 0xffff), value >> 16); }

// What local and central headers share, from "version needed" to the length of the extra field. The date is the first
// that the format knows, so that equal tensors give equal files.
static uint8_t *put_common(uint8_t *p, uint32_t crc, uint32_t size, size_t name_length) {
  p = put16(p, 20);
  p = put16(p, 0x0800); // the name is UTF-8
  p = put16(p, 0);      // stored
  p = put16(p, 0);
  p = put16(p, 1 << 5 | 1);
  p = put32(p, crc);
  p = put32(p, size);
  p = put32(p, size);
  p = put16(p, (uint32_t)name_length);
  return put16(p, 0);
}

bool write_zip_entry(ZipWriter *zip, const char *name, const void *head, size_t head_size, const void *body,
                     size_t body_size, Error *error) {
  size_t length = strlen(name);
  if (zip->count == ZIP_ENTRIES) return fail(error, "more than %d outputs do not fit into one .npz", ZIP_ENTRIES);
  if (length > ZIP_NAME) return fail(error, "the name '%.60s...' is too long for a .npz", name);
  if (body_size > UINT32_MAX - 65536 - head_size || zip->offset > UINT32_MAX - 65536 - head_size - body_size)
    return fail(error, "outputs of 4 GiB and more do not fit into a .npz: use --format npy or raw");
  uint32_t crc = update_crc32(update_crc32(0, head, head_size), body, body_size);
  uint32_t size = (uint32_t)(head_size + body_size);
  uint8_t header[LOCAL_SIZE];
  put_common(put32(header, LOCAL_MAGIC), crc, size, length);
  memcpy(zip->entries[zip->count].name, name, length + 1);
  zip->entries[zip->count].crc = crc;
  zip->entries[zip->count].size = size;
  zip->entries[zip->count].offset = (uint32_t)zip->offset;
  zip->count++;
  zip->offset += LOCAL_SIZE + length + size;
  return write_output(zip->output, header, sizeof header, error) && write_output(zip->output, name, length, error) &&
         write_output(zip->output, head, head_size, error) && write_output(zip->output, body, body_size, error);
}

bool finish_zip(ZipWriter *zip, Error *error) {
  uint32_t directory = 0;
  for (uint32_t i = 0; i < zip->count; i++) {
    uint8_t header[CENTRAL_SIZE] = {0};
    size_t length = strlen(zip->entries[i].name);
    uint8_t *p = put16(put32(header, CENTRAL_MAGIC), 20);
    put_common(p, zip->entries[i].crc, zip->entries[i].size, length); // comment, disk and attributes stay 0
    put32(header + 42, zip->entries[i].offset);
    if (!write_output(zip->output, header, sizeof header, error) ||
        !write_output(zip->output, zip->entries[i].name, length, error))
      return false;
    directory += CENTRAL_SIZE + (uint32_t)length;
  }
  uint8_t end[END_SIZE] = {0};
  put32(end, END_MAGIC);
  put16(put16(end + 8, zip->count), zip->count);
  put32(put32(end + 12, directory), (uint32_t)zip->offset);
  return write_output(zip->output, end, sizeof end, error);
}
