/* SPDX-License-Identifier: Apache-2.0
 *
 * ceiling_frames.c: a publish whose frames all lie in the input is forwarded from there; one that is cut goes frame by
 * frame into its channel's buffer. Acks are passed over without a look. */
#include "ceiling.h"

#include "base/table.h"

#define HEADER_BYTES    8 /* of the protocol */
#define BODY_MOST_BYTES ((uint64_t)128 * 1024 * 1024)

typedef struct frame {
    amqp_frame_head_t head;
    bytes_t payload;
    bytes_t whole;
} frame_t;

/* False if it is not there whole, or no frame at all: then the connection is refused. */
static bool frame_read(conn_t *n, bytes_t in, frame_t *f)
{
    if (in.len < AMQP_FRAME_HEAD_BYTES)
        return false;
    f->head = amqp_frame_head_decode(in.data);
    size_t whole = (size_t)f->head.payload_bytes + AMQP_FRAME_OVERHEAD;
    if (whole > FRAME_MAX_BYTES) {
        conn_refuse(n, 501, "FRAME_ERROR - a frame of %zu octets", whole);
        return false;
    }
    if (in.len < whole)
        return false;
    f->payload = bytes_make(in.data + AMQP_FRAME_HEAD_BYTES, f->head.payload_bytes);
    f->whole = bytes_make(in.data, whole);
    if (in.data[whole - 1] == AMQP_FRAME_END)
        return true;
    conn_refuse(n, 501, "FRAME_ERROR - a wrong end octet");
    return false;
}

static amqp_method_id method_id(bytes_t payload)
{
    bytes_reader_t r = bytes_reader(payload);
    return read_u32(&r);
}

/* ---- a publish that is there whole ---- */

static bool is_next(const frame_t *f, uint8_t type, const frame_t *before)
{
    return f->head.type == type && f->head.channel == before->head.channel;
}

/* The length of the frames of header and body at the beginning of `in`, or 0. */
static size_t content_length(conn_t *n, bytes_t in, const frame_t *method)
{
    frame_t f;
    amqp_content_header_t header;
    if (!frame_read(n, in, &f) || !is_next(&f, AMQP_FRAME_HEADER, method) ||
        !amqp_content_header_decode(f.payload, &header))
        return 0;
    size_t used = f.whole.len;
    for (uint64_t left = header.body_bytes; left > 0; left -= f.payload.len) {
        if (!frame_read(n, bytes_make(in.data + used, in.len - used), &f) ||
            !is_next(&f, AMQP_FRAME_BODY, method) || f.payload.len > left || f.payload.len == 0)
            return 0;
        used += f.whole.len;
    }
    return used;
}

/* Returns how many octets it had, 0 if it is not to be forwarded from here. */
static size_t take_whole_publish(conn_t *n, const frame_t *method, bytes_t in)
{
    channel_t *ch = channel_find(n, method->head.channel);
    if (!ch || ch->expected != CONTENT_NONE)
        return 0;
    size_t used = method->whole.len;
    size_t length = content_length(n, bytes_make(in.data + used, in.len - used), method);
    if (length == 0)
        return 0;
    ceiling_publish(ch, &(publication_t){method->payload, bytes_make(in.data + used, length), true});
    return used + length;
}

/* ---- one in pieces ---- */

static void content_done(channel_t *ch)
{
    ch->expected = CONTENT_NONE;
    ceiling_publish(ch, &(publication_t){buffer_bytes(&ch->method), buffer_bytes(&ch->content), false});
}

static void begin_content(channel_t *ch, bytes_t method)
{
    buffer_clear(&ch->method);
    buffer_clear(&ch->content);
    write_bytes(&ch->method, method);
    ch->expected = CONTENT_HEADER;
}

static void take_header(channel_t *ch, const frame_t *f)
{
    amqp_content_header_t header;
    if (ch->expected != CONTENT_HEADER || !amqp_content_header_decode(f->payload, &header) ||
        header.body_bytes > BODY_MOST_BYTES) {
        conn_refuse(ch->conn, 505, "UNEXPECTED_FRAME - a content header");
        return;
    }
    write_bytes(&ch->content, f->whole);
    ch->body_left = header.body_bytes;
    ch->expected = CONTENT_BODY;
    if (ch->body_left == 0)
        content_done(ch);
}

static void take_body(channel_t *ch, const frame_t *f)
{
    if (ch->expected != CONTENT_BODY || f->payload.len > ch->body_left) {
        conn_refuse(ch->conn, 505, "UNEXPECTED_FRAME - a body");
        return;
    }
    write_bytes(&ch->content, f->whole);
    ch->body_left -= f->payload.len;
    if (ch->body_left == 0)
        content_done(ch);
}

/* ---- frames ---- */

static void take_content(conn_t *n, const frame_t *f)
{
    channel_t *ch = channel_find(n, f->head.channel);
    if (!ch)
        conn_refuse(n, 504, "CHANNEL_ERROR - channel %u is not open", f->head.channel);
    else if (f->head.type == AMQP_FRAME_HEADER)
        take_header(ch, f);
    else
        take_body(ch, f);
}

static void take_method(conn_t *n, const frame_t *f)
{
    amqp_method_id id = method_id(f->payload);
    channel_t *ch = channel_find(n, f->head.channel);
    if (id == AMQP_basic_ack || id == AMQP_basic_nack || id == AMQP_basic_reject)
        return;
    if (id == AMQP_basic_publish && ch)
        begin_content(ch, f->payload);
    else
        method_take(n, f->head.channel, id, bytes_make(f->payload.data + 4, f->payload.len - 4));
}

static void take_frame(conn_t *n, const frame_t *f)
{
    if (n->refused && !(f->head.type == AMQP_FRAME_METHOD && f->payload.len >= 4 &&
                        method_id(f->payload) == AMQP_connection_close_ok))
        return;
    if (f->head.type == AMQP_FRAME_METHOD && f->payload.len >= 4)
        take_method(n, f);
    else if (f->head.type == AMQP_FRAME_HEADER || f->head.type == AMQP_FRAME_BODY)
        take_content(n, f);
    else if (f->head.type == AMQP_FRAME_HEARTBEAT)
        write_bytes(&n->out.own, f->whole), conn_changed(n); /* so that we owe none of our own */
    else
        conn_refuse(n, 501, "FRAME_ERROR - a frame of type %u", f->head.type);
}

static size_t take_next(conn_t *n, bytes_t in)
{
    frame_t f;
    if (!frame_read(n, in, &f))
        return 0;
    if (f.head.type == AMQP_FRAME_METHOD && method_id(f.payload) == AMQP_basic_publish && !n->refused) {
        size_t used = take_whole_publish(n, &f, in);
        if (used > 0)
            return used;
    }
    take_frame(n, &f);
    return f.whole.len;
}

/* Clients ask for confirms only where these are announced. */
static void write_start(conn_t *n)
{
    buffer_t properties = {0};
    table_put_string(&properties, "product", BYTES("ceiling"));
    size_t mark = table_begin(&properties, "capabilities");
    table_put_bool(&properties, "publisher_confirms", true);
    table_put_bool(&properties, "basic.nack", true);
    table_end(&properties, mark);
    conn_write(n, 0, AMQP_connection_start,
               &(amqp_connection_start_t){.version_minor = 9,
                                          .server_properties = buffer_bytes(&properties),
                                          .mechanisms = BYTES("PLAIN"),
                                          .locales = BYTES("en_US")});
    buffer_free(&properties);
}

static size_t greet(conn_t *n, bytes_t in)
{
    bytes_t protocol = BYTES("AMQP\0\0\x09\x01");
    if (in.len < HEADER_BYTES)
        return 0;
    n->greeted = true;
    if (bytes_starts_with(in, protocol)) {
        write_start(n);
    } else {
        write_bytes(&n->out.own, protocol); /* AMQP 0-9-1 §4.2.2: what we speak, then goodbye */
        n->closing = true;
        conn_changed(n);
    }
    return HEADER_BYTES;
}

size_t frames_take(conn_t *n, bytes_t in)
{
    size_t used = n->greeted ? 0 : greet(n, in);
    while (n->greeted && !n->closing && !n->ended) {
        size_t taken = take_next(n, bytes_make(in.data + used, in.len - used));
        if (taken == 0)
            break;
        used += taken;
    }
    /* After a frame that is none the octets mean nothing. */
    return n->closing || n->ended || n->refused ? in.len : used;
}
