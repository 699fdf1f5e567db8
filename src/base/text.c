/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c: formatting that cannot overrun. */
#include "base/text.h"

#include <assert.h>
#include <stdio.h>

size_t text_format(char *out, size_t out_bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t len = text_format_list(out, out_bytes, format, args);
    va_end(args);
    return len;
}

size_t text_format_list(char *out, size_t out_bytes, const char *format, va_list args)
{
    if (out_bytes == 0)
        return 0;
    int wanted = vsnprintf(out, out_bytes, format, args);
    if (wanted < 0) { /* a conversion the C library refuses: nothing is said rather than half of it */
        out[0] = '\0';
        return 0;
    }
    return (size_t)wanted < out_bytes ? (size_t)wanted : out_bytes - 1;
}

bool text_parse_u64(bytes_t b, uint64_t *out)
{
    if (b.len == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < b.len; i++) {
        if (b.data[i] < '0' || b.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(b.data[i] - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

void text_base64url(bytes_t in, char *out, size_t out_bytes)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert(out_bytes >= (4 * in.len + 2) / 3 + 1);
    uint32_t bits = 0;
    unsigned held = 0; /* bits of `bits` not yet written */
    for (size_t i = 0; i < in.len; i++) {
        bits = bits << 8 | in.data[i];
        for (held += 8; held >= 6; held -= 6)
            *out++ = alphabet[bits >> (held - 6) & 63];
    }
    if (held > 0)
        *out++ = alphabet[bits << (6 - held) & 63];
    *out = '\0';
}

size_t text_distance(const char *a, const char *b)
{
    size_t row[TEXT_DISTANCE_BYTES + 1], b_len = strlen(b);
    assert(b_len <= TEXT_DISTANCE_BYTES);
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = replaced < least ? replaced : least;
        }
    }
    return row[b_len];
}
