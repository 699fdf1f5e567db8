/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_method.c: method arguments ⇄ structs, for every method of the tables in class_*.h.
 *
 *   payload    class-id:s method-id:s argument…
 *   OCTET o    SHORT s    LONG l    LONGLONG L      big-endian
 *   SHORTSTR   length:o octets, valid UTF-8         LONGSTR   length:l octets
 *   SHORTBYTES length:o any octets                  TABLE     length:l pairs (base/table.h)
 *   BIT        consecutive bits share octets, the first in the lowest place, at most 8 in one; unused places
 * are written 0 and ignored when read
 *
 * Valid if every argument is there, no octet is left over, short strings are UTF-8 and tables are whole. When
 * more than one of these is broken, length comes first, then UTF-8, then tables: the order in which RabbitMQ
 * looks.
 *
 * The idea: each method's decoder and encoder is its line of the table, expanded; one pair of functions a
 * type does the work. They are inlined, so the bookkeeping of bits is gone at run time and basic.publish is
 * four reads. */
#include <assert.h>

#include "amqp/codec.h"
#include "base/table.h"

/* ---- one argument ---- */

typedef struct decoder {
    bytes_reader_t reader;
    bool bad_utf8;
    bool bad_table;
} decoder_t;

/* Where we are in an octet of bits: so many of its places are still to be read, or are already written. */
typedef struct bits {
    uint8_t octet;
    uint8_t count;
} bits_t;

static inline uint8_t decode_OCTET(decoder_t *d, bits_t *bits)
{
    bits->count = 0;
    return read_u8(&d->reader);
}

static inline uint16_t decode_SHORT(decoder_t *d, bits_t *bits)
{
    bits->count = 0;
    return read_u16(&d->reader);
}

static inline uint32_t decode_LONG(decoder_t *d, bits_t *bits)
{
    bits->count = 0;
    return read_u32(&d->reader);
}

static inline uint64_t decode_LONGLONG(decoder_t *d, bits_t *bits)
{
    bits->count = 0;
    return read_u64(&d->reader);
}

static inline bytes_t decode_SHORTSTR(decoder_t *d, bits_t *bits)
{
    bits->count = 0;
    bytes_t v = read_short_string(&d->reader);
    if (!bytes_are_utf8(v))
        d->bad_utf8 = true;
    return v;
}

/* The routing key of a message: RabbitMQ does not look at it, and old publishers send what they like. */
static inline bytes_t decode_SHORTBYTES(decoder_t *d, bits_t *bits)
{
    bits->count = 0;
    return read_short_string(&d->reader);
}

static inline bytes_t decode_LONGSTR(decoder_t *d, bits_t *bits)
{
    bits->count = 0;
    return read_long_string(&d->reader);
}

static inline bytes_t decode_TABLE(decoder_t *d, bits_t *bits)
{
    bits->count = 0;
    bytes_t v = read_long_string(&d->reader);
    if (!table_valid(v))
        d->bad_table = true;
    return v;
}

static inline bool decode_BIT(decoder_t *d, bits_t *bits)
{
    if (bits->count == 0)
        *bits = (bits_t){.octet = read_u8(&d->reader), .count = 8};
    bool v = bits->octet & 1;
    bits->octet = (uint8_t)(bits->octet >> 1);
    bits->count--;
    return v;
}

static inline void encode_bits(buffer_t *b, bits_t *bits)
{
    if (bits->count > 0)
        write_u8(b, bits->octet);
    *bits = (bits_t){0};
}

static inline void encode_OCTET(buffer_t *b, bits_t *bits, uint8_t v)
{
    encode_bits(b, bits);
    write_u8(b, v);
}

static inline void encode_SHORT(buffer_t *b, bits_t *bits, uint16_t v)
{
    encode_bits(b, bits);
    write_u16(b, v);
}

static inline void encode_LONG(buffer_t *b, bits_t *bits, uint32_t v)
{
    encode_bits(b, bits);
    write_u32(b, v);
}

static inline void encode_LONGLONG(buffer_t *b, bits_t *bits, uint64_t v)
{
    encode_bits(b, bits);
    write_u64(b, v);
}

static inline void encode_SHORTSTR(buffer_t *b, bits_t *bits, bytes_t v)
{
    encode_bits(b, bits);
    write_short_string(b, v);
}

static inline void encode_SHORTBYTES(buffer_t *b, bits_t *bits, bytes_t v)
{
    encode_SHORTSTR(b, bits, v);
}

static inline void encode_LONGSTR(buffer_t *b, bits_t *bits, bytes_t v)
{
    encode_bits(b, bits);
    write_long_string(b, v);
}

static inline void encode_TABLE(buffer_t *b, bits_t *bits, bytes_t v)
{
    encode_bits(b, bits);
    write_long_string(b, v);
}

static inline void encode_BIT(buffer_t *b, bits_t *bits, bool v)
{
    if (bits->count == 8)
        encode_bits(b, bits);
    bits->octet = (uint8_t)(bits->octet | (unsigned)v << bits->count);
    bits->count++;
}

/* ---- one method: its line of the table, expanded ---- */

#define F(type, name) m->name = decode_##type(d, &bits);
#define M(class, class_id, method, number, from, content)                                                    \
    static void decode_##class##_##method(decoder_t *d, amqp_method_t *out)                                  \
    {                                                                                                        \
        amqp_##class##_##method##_t *m = &out->class##_##method;                                             \
        bits_t bits = {0};                                                                                   \
        (void)d, (void)m, (void)bits;                                                                        \
        AMQP_FIELDS_##class##_##method(F)                                                                    \
    }
AMQP_METHODS(M)
#undef M
#undef F

#define F(type, name) encode_##type(b, &bits, m->name);
#define M(class, class_id, method, number, from, content)                                                    \
    static void encode_##class##_##method(buffer_t *b, const void *struct_of_method)                         \
    {                                                                                                        \
        const amqp_##class##_##method##_t *m = struct_of_method;                                             \
        bits_t bits = {0};                                                                                   \
        (void)m;                                                                                             \
        AMQP_FIELDS_##class##_##method(F) encode_bits(b, &bits);                                             \
    }
AMQP_METHODS(M)
#undef M
#undef F

/* ---- the table ---- */

struct amqp_method_info {
    const char *name;
    amqp_sender_t sender;
    bool has_content;
    void (*decode)(decoder_t *d, amqp_method_t *out);
    void (*encode)(buffer_t *b, const void *method);
};

enum {
#define M(class, class_id, method, number, from, content) ROW_##class##_##method,
    AMQP_METHODS(M)
#undef M
};

static const amqp_method_info_t rows[] = {
#define M(class, class_id, method, number, from, content)                                                    \
    [ROW_##class##_##method] = {                                                                             \
        .name = #class "." #method,                                                                          \
        .sender = AMQP_FROM_##from,                                                                          \
        .has_content = content,                                                                              \
        .decode = decode_##class##_##method,                                                                 \
        .encode = encode_##class##_##method,                                                                 \
    },
    AMQP_METHODS(M)
#undef M
};

const amqp_method_info_t *amqp_method_find(amqp_method_id id)
{
    switch (id) {
#define M(class, class_id, method, number, from, content)                                                    \
    case AMQP_##class##_##method:                                                                            \
        return &rows[ROW_##class##_##method];
        AMQP_METHODS(M)
#undef M
    default:
        return NULL;
    }
}

const char *amqp_method_name(const amqp_method_info_t *info)
{
    return info->name;
}

amqp_sender_t amqp_method_sender(const amqp_method_info_t *info)
{
    return info->sender;
}

bool amqp_method_has_content(const amqp_method_info_t *info)
{
    return info->has_content;
}

amqp_decoded_t amqp_method_decode(const amqp_method_info_t *info, bytes_t arguments, amqp_method_t *out)
{
    assert(info && out);
    decoder_t d = {.reader = bytes_reader(arguments)};
    info->decode(&d, out);
    if (!reader_done(&d.reader))
        return AMQP_MALFORMED;
    if (d.bad_utf8)
        return AMQP_BAD_UTF8;
    return d.bad_table ? AMQP_MALFORMED : AMQP_DECODED;
}

/* ticket:s exchange:ss routing-key:ss bits:o, and nothing behind. */
amqp_decoded_t amqp_publish_decode(bytes_t arguments, amqp_basic_publish_t *out)
{
    const uint8_t *p = arguments.data;
    size_t exchange_len = arguments.len > 2 ? p[2] : 0, key_at = 3 + exchange_len;
    size_t key_len = arguments.len > key_at ? p[key_at] : 0, bits_at = key_at + 1 + key_len;
    if (arguments.len != bits_at + 1)
        return AMQP_MALFORMED;
    *out = (amqp_basic_publish_t){
        .reserved_ticket = load_u16(p),
        .exchange = bytes_make(p + 3, exchange_len),
        .routing_key = bytes_make(p + key_at + 1, key_len),
        .mandatory = p[bits_at] & 1,
        .immediate = p[bits_at] & 2,
    };
    return bytes_are_utf8(out->exchange) ? AMQP_DECODED : AMQP_BAD_UTF8;
}

void amqp_method_encode(buffer_t *b, amqp_method_id id, const void *method)
{
    const amqp_method_info_t *info = amqp_method_find(id);
    assert(info); /* only methods of the table are written */
    write_u32(b, id);
    info->encode(b, method);
}
