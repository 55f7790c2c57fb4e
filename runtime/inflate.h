// DEFLATE (RFC 1951) and the CRC-32 of zip, for compressed .npz files.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Decompresses exactly `size` bytes into out. NULL, or what is wrong with the data; then out holds rubbish.
const char *inflate(const uint8_t *packed, size_t packed_size, uint8_t *out, size_t size);

// Start with crc = 0 and go on with the last result.
uint32_t update_crc32(uint32_t crc, const void *data, size_t size);
