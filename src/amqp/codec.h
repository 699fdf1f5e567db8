/* SPDX-License-Identifier: Apache-2.0
 *
 * codec.h: AMQP 0-9-1 octets ⇄ plain structs. Pure: no socket, no broker, no allocation but the caller's buffer.
 *
 * One table (class_*.h) names every method with its arguments; the structs, ids, decoder, encoder and names below come
 * from it and from nowhere else. Strings and tables in decoded structs are views into the input. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/class_access.h"
#include "amqp/class_basic.h"
#include "amqp/class_channel.h"
#include "amqp/class_confirm.h"
#include "amqp/class_connection.h"
#include "amqp/class_exchange.h"
#include "amqp/class_queue.h"
#include "amqp/class_tx.h"
#include "base/bytes.h"

/* clang-format off */
#define AMQP_METHODS(M)                                                                                       \
    AMQP_CLASS_connection(M) AMQP_CLASS_channel(M) AMQP_CLASS_access(M) AMQP_CLASS_exchange(M)                \
    AMQP_CLASS_queue(M) AMQP_CLASS_basic(M) AMQP_CLASS_confirm(M) AMQP_CLASS_tx(M)

/* clang-format on */

/* Both ids of a method in one number: class << 16 | method. */
typedef uint32_t amqp_method_id;
#define AMQP_METHOD_ID(class_id, method_id) ((amqp_method_id)(class_id) << 16 | (method_id))
#define AMQP_CLASS_OF(id)                   ((uint16_t)((id) >> 16))
#define AMQP_METHOD_OF(id)                  ((uint16_t)((id)&0xffff))

/* AMQP_queue_declare, AMQP_basic_publish, … */
enum amqp_method_ids {
#define M(class, class_id, method, id, sender, content)                                                      \
    AMQP_##class##_##method = AMQP_METHOD_ID(class_id, id),
    AMQP_METHODS(M)
#undef M
};

/* The structs: amqp_queue_declare_t { … bytes_t queue; bool passive; … bytes_t arguments; } and so on. Tables are
 * their content, without the length. A method without arguments has one unused octet, so that it is a struct. */
typedef uint8_t amqp_type_OCTET;
typedef uint16_t amqp_type_SHORT;
typedef uint32_t amqp_type_LONG;
typedef uint64_t amqp_type_LONGLONG;
typedef bytes_t amqp_type_SHORTSTR;
typedef bytes_t amqp_type_SHORTBYTES; /* any octets */
typedef bytes_t amqp_type_LONGSTR;
typedef bytes_t amqp_type_TABLE;
typedef bool amqp_type_BIT;
/* clang-format off */
#define F(type, name) amqp_type_##type name;
#define M(class, class_id, method, id, sender, content)                                                       \
    typedef struct amqp_##class##_##method {                                                                  \
        AMQP_FIELDS_##class##_##method(F) uint8_t unused;                                                     \
    } amqp_##class##_##method##_t;
AMQP_METHODS(M)
#undef M
#undef F
/* clang-format on */

/* Large enough for any of them. */
typedef union amqp_method {
#define M(class, class_id, method, id, sender, content) amqp_##class##_##method##_t class##_##method;
    AMQP_METHODS(M)
#undef M
} amqp_method_t;

typedef enum amqp_sender { AMQP_FROM_CLIENT = 1, AMQP_FROM_SERVER = 2, AMQP_FROM_BOTH = 3 } amqp_sender_t;

typedef struct amqp_method_info amqp_method_info_t; /* codec_method.c; opaque but for these: */

/* The table's row for an id, or NULL if there is no such method. */
const amqp_method_info_t *amqp_method_find(amqp_method_id id);
/* "queue.declare" */
const char *amqp_method_name(const amqp_method_info_t *info);
amqp_sender_t amqp_method_sender(const amqp_method_info_t *info);
bool amqp_method_has_content(const amqp_method_info_t *info);

typedef enum amqp_decoded {
    AMQP_DECODED,
    AMQP_MALFORMED, /* too short, too long, a bad table */
    AMQP_BAD_UTF8,  /* a short string is not UTF-8 */
} amqp_decoded_t;

/* Decodes a method frame's arguments (the payload behind the two ids). Every octet must be used. */
amqp_decoded_t amqp_method_decode(const amqp_method_info_t *info, bytes_t arguments, amqp_method_t *out);

/* The same for basic.publish, which comes with every message: by hand, without the table. */
amqp_decoded_t amqp_publish_decode(bytes_t arguments, amqp_basic_publish_t *out);

/* Writes the payload of a method frame: both ids and the arguments, from the struct of that method (NULL will
 * do if it has no arguments). A short string over 255 octets sets the buffer's `failed`. */
void amqp_method_encode(buffer_t *b, amqp_method_id id, const void *method);

/* ---- frames: type:o channel:s size:l payload end:0xCE ---- */

enum amqp_frame_type {
    AMQP_FRAME_METHOD = 1,
    AMQP_FRAME_HEADER = 2,
    AMQP_FRAME_BODY = 3,
    AMQP_FRAME_HEARTBEAT = 8
};

#define AMQP_FRAME_END        0xce
#define AMQP_FRAME_HEAD_BYTES 7 /* before the payload */
#define AMQP_FRAME_OVERHEAD   8 /* head and end octet */
#define AMQP_FRAME_MIN_SIZE   4096

typedef struct amqp_frame_head {
    uint8_t type;
    uint16_t channel;
    uint32_t payload_bytes;
} amqp_frame_head_t;

/* The 7 octets of a head; `octets` must hold at least as many. */
static inline amqp_frame_head_t amqp_frame_head_decode(const uint8_t *octets)
{
    return (amqp_frame_head_t){octets[0], load_u16(octets + 1), load_u32(octets + 3)};
}

/* Writes a head, leaving the size for amqp_frame_end, which also writes the end octet. */
size_t amqp_frame_begin(buffer_t *b, uint8_t type, uint16_t channel);
void amqp_frame_end(buffer_t *b, size_t mark);

/* A whole method frame. */
void amqp_write_method(buffer_t *b, uint16_t channel, amqp_method_id id, const void *method);

/* A whole content header frame. `properties`: flags and values as base/properties.h has them. */
void amqp_write_header(buffer_t *b, uint16_t channel, uint64_t body_bytes, bytes_t properties);

/* The frames of a whole delivery: method, header, and the body in one frame (not empty). The same octets as by the three
 * functions above and below; nearly all that a broker writes is this. */
void amqp_write_delivery(buffer_t *b, uint16_t channel, const amqp_basic_deliver_t *m, bytes_t properties,
                         bytes_t body);

/* A head of a body frame with a known size (the payload is written or lent by the caller, the end octet too). */
void amqp_write_body_head(buffer_t *b, uint16_t channel, uint32_t payload_bytes);

void amqp_write_heartbeat(buffer_t *b);

/* ---- content header payload: class:s weight:s body-size:L flags:s properties ---- */

typedef struct amqp_content_header {
    uint16_t class_id;
    uint16_t weight;
    uint64_t body_bytes;
    bytes_t properties; /* flags and values, not yet checked */
} amqp_content_header_t;

#define AMQP_CONTENT_HEADER_LEAST_BYTES 12 /* class, weight and body-size */

/* False if the payload is shorter than that. */
static inline bool amqp_content_header_decode(bytes_t payload, amqp_content_header_t *out)
{
    const uint8_t *p = payload.data;
    *out = (amqp_content_header_t){0};
    if (payload.len < AMQP_CONTENT_HEADER_LEAST_BYTES)
        return false;
    *out = (amqp_content_header_t){
        .class_id = load_u16(p),
        .weight = load_u16(p + 2),
        .body_bytes = load_u64(p + 4),
        .properties =
            bytes_make(p + AMQP_CONTENT_HEADER_LEAST_BYTES, payload.len - AMQP_CONTENT_HEADER_LEAST_BYTES),
    };
    return true;
}

/* Erlang's rendering of octets in RabbitMQ's error texts: "all octets = <<1,2,3>>" up to 16 octets, else
 * "first 16 octets = <<…>>" (printable ASCII as text, <<"GET /">>, as RabbitMQ does here); the form "<<1,2,3>>"
 * alone, always numbers, for `cannot decode`. NUL-terminated, cut to fit. */
void amqp_describe_octets(bytes_t octets, char *out, size_t out_bytes);
void amqp_render_binary(bytes_t octets, char *out, size_t out_bytes);
