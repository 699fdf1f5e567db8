/* SPDX-License-Identifier: Apache-2.0
 *
 * table_field.c: what one value of a table means: as a number, as a text, compared with another.
 *
 * Comparing is RabbitMQ's (rabbit_misc, type_class): all integers are one class and both floats are one;
 * whatever else is compared only with its own type. */
#include "base/table.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/table_internal.h"
#include "base/text.h"

bool field_is_integer(const field_t *f)
{
    return f->tag != 0 && strchr("bBsuIilL", f->tag) != NULL;
}

static bool is_float(const field_t *f)
{
    return f->tag == 'f' || f->tag == 'd';
}

int64_t field_integer(const field_t *f)
{
    bytes_reader_t r = bytes_reader(f->octets);
    switch (f->tag) {
    case 't':
        return read_u8(&r) != 0;
    case 'b':
        return (int8_t)read_u8(&r);
    case 'B':
        return read_u8(&r);
    case 's':
        return (int16_t)read_u16(&r);
    case 'u':
        return read_u16(&r);
    case 'I':
        return (int32_t)read_u32(&r);
    case 'i':
        return read_u32(&r);
    case 'l':
    case 'L':
    case 'T':
        return (int64_t)read_u64(&r);
    default:
        return 0;
    }
}

double field_number(const field_t *f)
{
    static_assert(sizeof(float) == 4 && sizeof(double) == 8, "IEEE 754, as on the wire");
    bytes_reader_t r = bytes_reader(f->octets);
    if (f->tag == 'f') {
        uint32_t bits = read_u32(&r);
        float v;
        memcpy(&v, &bits, sizeof v);
        return (double)v;
    }
    if (f->tag == 'd') {
        uint64_t bits = read_u64(&r);
        double v;
        memcpy(&v, &bits, sizeof v);
        return v;
    }
    return field_is_integer(f) ? (double)field_integer(f) : 0;
}

/* ---- comparing ---- */

bool field_equal(const field_t *a, const field_t *b)
{
    if (field_is_integer(a) && field_is_integer(b))
        return field_integer(a) == field_integer(b);
    if (is_float(a) && is_float(b) && field_number(a) == field_number(b))
        return true;
    if (a->tag != b->tag)
        return false;
    if (a->tag == 't')
        return field_integer(a) == field_integer(b);
    return bytes_equal(a->octets, b->octets);
}

/* ---- for people ---- */

/* Octets as they are, whatever is in them. */
static size_t copy_text(bytes_t text, char *out, size_t out_bytes)
{
    if (out_bytes == 0)
        return 0;
    size_t len = text.len < out_bytes ? text.len : out_bytes - 1;
    if (len > 0)
        memcpy(out, text.data, len);
    out[len] = '\0';
    return len;
}

static size_t decimal_text(bytes_t octets, char *out, size_t out_bytes)
{
    bytes_reader_t r = bytes_reader(octets);
    unsigned scale = read_u8(&r);
    unsigned value = read_u32(&r);
    return text_format(out, out_bytes, "%ue-%u", value, scale);
}

size_t field_text(const field_t *f, char *out, size_t out_bytes)
{
    if (field_is_integer(f))
        return text_format(out, out_bytes, "%lld", (long long)field_integer(f));
    switch (f->tag) {
    case 't':
        return text_format(out, out_bytes, "%s", field_integer(f) ? "true" : "false");
    case 'f':
        return text_format(out, out_bytes, "%.7g", field_number(f));
    case 'd':
        return text_format(out, out_bytes, "%.15g", field_number(f));
    case 'D':
        return decimal_text(f->octets, out, out_bytes);
    case 'T':
        return text_format(out, out_bytes, "%llu", (unsigned long long)field_integer(f));
    case 'S':
    case 'x':
        return copy_text(f->octets, out, out_bytes);
    case 'A':
        return copy_text(BYTES("[…]"), out, out_bytes);
    case 'F':
        return copy_text(BYTES("{…}"), out, out_bytes);
    default:
        return copy_text(BYTES("undefined"), out, out_bytes);
    }
}
