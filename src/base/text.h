/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h: formatting into fixed buffers, always NUL-terminated, cut to fit. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* For printf: text_format(out, size, "queue '%.*s'", TEXT_ARG(name)). */
#define TEXT_ARG(b) (int)(b).len, (const char *)((b).data ? (b).data : (const uint8_t *)"")

/* Returns the number of characters written, without the NUL. */
size_t text_format(char *out, size_t out_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t text_format_list(char *out, size_t out_bytes, const char *format, va_list args);

/* 2^64 - 1, and a NUL. */
#define TEXT_DECIMAL_BYTES 21

/* Writes a decimal number, NUL-terminated, and returns the number of its digits. */
size_t text_decimal(char out[TEXT_DECIMAL_BYTES], uint64_t number);
void write_decimal(buffer_t *b, uint64_t number);

/* Parses all of `b` as a decimal number without sign or spaces; false if it is not one or too large. */
bool text_parse_u64(bytes_t b, uint64_t *out);

/* The longest `b` that text_distance takes. */
#define TEXT_DISTANCE_BYTES 64

/* Levenshtein: the fewest insertions, deletions and replacements of characters that make b of a. */
size_t text_distance(const char *a, const char *b);

/* Fills `out` with the URL-safe base64 of `in`, without padding, NUL-terminated.
 * `out_bytes` ≥ (4 * in.len + 2) / 3 + 1. */
void text_base64url(bytes_t in, char *out, size_t out_bytes);

/* Appends the base64 of RFC 4648 §4, with padding. */
void write_base64(buffer_t *b, bytes_t in);

/* Appends a JSON string; `text` must be UTF-8. */
void write_json_string(buffer_t *b, bytes_t text);
