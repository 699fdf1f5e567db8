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

size_t text_decimal(char out[TEXT_DECIMAL_BYTES], uint64_t number)
{
    char backwards[TEXT_DECIMAL_BYTES];
    size_t count = 0;
    do
        backwards[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    for (size_t i = 0; i < count; i++)
        out[i] = backwards[count - 1 - i];
    out[count] = '\0';
    return count;
}

void write_decimal(buffer_t *b, uint64_t number)
{
    char digits[TEXT_DECIMAL_BYTES];
    write_bytes(b, bytes_make(digits, text_decimal(digits, number)));
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

/* Returns the place behind the last character. */
static char *base64(bytes_t in, char *out, const char *alphabet)
{
    uint32_t bits = 0;
    unsigned held = 0; /* bits of `bits` not yet written */
    for (size_t i = 0; i < in.len; i++) {
        bits = bits << 8 | in.data[i];
        for (held += 8; held >= 6; held -= 6)
            *out++ = alphabet[bits >> (held - 6) & 63];
    }
    if (held > 0)
        *out++ = alphabet[bits << (6 - held) & 63];
    return out;
}

void text_base64url(bytes_t in, char *out, size_t out_bytes)
{
    assert(out_bytes >= (4 * in.len + 2) / 3 + 1);
    *base64(in, out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") = '\0';
}

void write_base64(buffer_t *b, bytes_t in)
{
    size_t bytes = (in.len + 2) / 3 * 4;
    if (!buffer_reserve(b, bytes))
        return;
    char *begin = (char *)b->data + b->len;
    char *end = base64(in, begin, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    while (end < begin + bytes)
        *end++ = '=';
    b->len += bytes;
}

static bool is_escaped(uint8_t c)
{
    return c == '"' || c == '\\' || c < 0x20 || c == 0x7f;
}

static void write_escaped(buffer_t *b, uint8_t c)
{
    static const char digits[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        write_u8(b, '\\');
        write_u8(b, c);
    } else if (c == '\n') {
        write_bytes(b, BYTES("\\n"));
    } else {
        write_bytes(b, BYTES("\\u00"));
        write_u8(b, (uint8_t)digits[c >> 4]);
        write_u8(b, (uint8_t)digits[c & 15]);
    }
}

void write_json_string(buffer_t *b, bytes_t text)
{
    size_t plain = 0; /* what stands as it is, up to here */
    write_u8(b, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (!is_escaped(text.data[i]))
            continue;
        write_bytes(b, bytes_make(text.data + plain, i - plain));
        write_escaped(b, text.data[i]);
        plain = i + 1;
    }
    write_bytes(b, bytes_make(text.data + plain, text.len - plain));
    write_u8(b, '"');
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
