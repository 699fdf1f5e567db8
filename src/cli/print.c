/* SPDX-License-Identifier: Apache-2.0
 *
 * print.c: numbers and names for people. */
#include <stdio.h>

#include "base/text.h"
#include "cli/cli.h"

/* Octets of a name that is not UTF-8: ASCII stays, all else is '?'. */
static json_t *replaced(bytes_t text)
{
    buffer_t kept = {0};
    for (size_t i = 0; i < text.len; i++)
        write_u8(&kept, text.data[i] < 0x80 ? text.data[i] : '?');
    json_t *out = json_stringn((const char *)kept.data, kept.len);
    buffer_free(&kept);
    return out;
}

json_t *print_json_text(bytes_t text)
{
    if (text.len == 0)
        return json_string("");
    return bytes_are_utf8(text) ? json_stringn((const char *)text.data, text.len) : replaced(text);
}

void print_text(bytes_t text)
{
    bool utf8 = bytes_are_utf8(text);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        putchar(c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8) ? '?' : c);
    }
}

const char *print_size(double bytes, char *out, size_t out_bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    if (bytes < 1024) {
        text_format(out, out_bytes, "%.0f octets", bytes);
        return out;
    }
    for (bytes /= 1024; bytes >= 1024 && unit < 3; unit++)
        bytes /= 1024;
    text_format(out, out_bytes, "%.1f %s", bytes, units[unit]);
    return out;
}

const char *print_duration(double ms, char *out, size_t out_bytes)
{
    unsigned long long s = (unsigned long long)(ms / 1000);
    if (s < 60)
        text_format(out, out_bytes, "%.1f s", ms / 1000);
    else if (s < 3600)
        text_format(out, out_bytes, "%llu min %llu s", s / 60, s % 60);
    else if (s < 86400)
        text_format(out, out_bytes, "%llu h %llu min", s / 3600, s / 60 % 60);
    else
        text_format(out, out_bytes, "%llu d %llu h", s / 86400, s / 3600 % 24);
    return out;
}

void print_json_line(json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(value);
}
