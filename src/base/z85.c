/* SPDX-License-Identifier: Apache-2.0
 *
 * z85.c: four octets are a number, big-endian, and five characters its digits to the base of 85, the highest first. */
#include "base/z85.h"

#include <assert.h>

static const char digits[] =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
static_assert(sizeof digits == 85 + 1, "as many digits as the base");

/* The digit `value`, by a look at each of them: an index that is a secret would leave its trace in the cache. */
static char digit_of(uint32_t value)
{
    unsigned found = 0;
    for (uint32_t i = 0; i < 85; i++)
        found |= (unsigned)digits[i] & -(unsigned)(i == value);
    return (char)found;
}

/* 85 if it is none. */
static uint32_t value_of(uint8_t c)
{
    uint32_t found = 85;
    for (uint32_t i = 0; i < 85; i++)
        if ((uint8_t)digits[i] == c)
            found = i;
    return found;
}

void z85_encode(bytes_t octets, char *out)
{
    assert(octets.len % 4 == 0);
    for (size_t i = 0; i < octets.len; i += 4, out += 5) {
        uint32_t number = load_u32(octets.data + i);
        for (int d = 4; d >= 0; d--, number /= 85)
            out[d] = digit_of(number % 85);
    }
    *out = '\0';
}

bool z85_decode(bytes_t text, uint8_t *out)
{
    if (text.len % 5 != 0)
        return false;
    for (size_t i = 0; i < text.len; i += 5) {
        uint64_t number = 0;
        for (size_t d = 0; d < 5; d++) {
            uint32_t value = value_of(text.data[i + d]);
            if (value == 85)
                return false;
            number = number * 85 + value;
        }
        if (number > UINT32_MAX)
            return false;
        out = put_u32(out, (uint32_t)number);
    }
    return true;
}
