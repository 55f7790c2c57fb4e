// Unicode's UTF-8, one character at a time.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The length of the sequence at `text` (Unicode, table 3-7), 0 where it is not well-formed. left >= 1.
size_t utf8_length(const char *text, size_t left);
// The character of a well-formed sequence.
uint32_t decode_utf8(const char *p, size_t length);
// Its bytes; returns how many, 0 for what is no character.
size_t encode_utf8(uint32_t code, char out[4]);
