/* SPDX-License-Identifier: Apache-2.0
 *
 * record.c: records to octets and back. One table says which fields a type has and in which order, for both ways. */
#include "model/record.h"

#include <assert.h>

#define FIELDS_MOST 11

typedef enum record_field {
    END,
    FLAGS,
    KIND,
    VHOST,
    QUEUE,
    POSITION,
    MARK,
    MESSAGE,
    TIME,
    PROPERTIES,
    NAME,
    SOURCE,
    KEY,
    ARGUMENTS,
    EXCHANGE,
    PARTS,
    LIST,
    SEQ,
    SEQ_IF_ANY,
    NEED
} record_field_t;

static const struct {
    const char *name;
    bool has_content;
    uint8_t fields[FIELDS_MOST + 1];
} types[RECORD_TYPE_END] = {
    [RECORD_EXCHANGE] = {"exchange", false, {VHOST, KIND, FLAGS, NAME, ARGUMENTS}},
    [RECORD_EXCHANGE_GONE] = {"exchange-gone", false, {VHOST, NAME}},
    [RECORD_QUEUE] = {"queue", false, {QUEUE, VHOST, KIND, FLAGS, POSITION, MARK, NAME, ARGUMENTS}},
    [RECORD_QUEUE_GONE] = {"queue-gone", false, {QUEUE}},
    [RECORD_BIND] = {"bind", false, {VHOST, QUEUE, SOURCE, NAME, KEY, ARGUMENTS}},
    [RECORD_UNBIND] = {"unbind", false, {VHOST, QUEUE, SOURCE, NAME, KEY, ARGUMENTS}},
    [RECORD_MESSAGE] = {"message", true, {FLAGS, SEQ_IF_ANY, TIME, EXCHANGE, KEY, PROPERTIES, PARTS, LIST}},
    [RECORD_MESSAGE_ALSO] = {"message-also", false, {MESSAGE, LIST}},
    [RECORD_PART] = {"part", true, {END}},
    [RECORD_SETTLE] = {"settle", false, {QUEUE, KIND, LIST}},
    [RECORD_PURGE] = {"purge", false, {QUEUE, POSITION, LIST}},
    [RECORD_DELIVERED] = {"delivered", false, {QUEUE, MARK}},
    [RECORD_STATED] = {"stated", false, {MESSAGE}},
    [RECORD_SEQUENCE] = {"sequence", false, {VHOST, NAME, SEQ}},
    [RECORD_EVENT] = {"event",
                      false,
                      {FLAGS, VHOST, MESSAGE, SEQ, NEED, TIME, NAME, KEY, ARGUMENTS, PARTS, LIST}},
    [RECORD_RESULT] = {"result", false, {VHOST, NAME, SEQ, QUEUE, KIND, NEED, TIME, ARGUMENTS}},
    [RECORD_PAGE] = {"page", false, {QUEUE, POSITION, ARGUMENTS}},
    [RECORD_LARGE] = {"large", false, {MESSAGE, PARTS}},
    [RECORD_RETURNED] = {"returned", false, {QUEUE, NEED, LIST}},
    [RECORD_KEPT] = {"kept", false, {QUEUE, POSITION, KEY}},
    [RECORD_REPORT] = {"report", true, {VHOST, NAME, SEQ, KIND, PROPERTIES, ARGUMENTS}},
    [RECORD_SEEN] = {"seen", false, {VHOST, QUEUE, MESSAGE, TIME, NAME, KEY}},
    [RECORD_PUBLISHER] = {"publisher", false, {VHOST, MESSAGE, SEQ, KEY}},
};

static bool is_type(uint8_t type)
{
    return type < RECORD_TYPE_END && types[type].name;
}

bool record_has_content(uint8_t type)
{
    return is_type(type) && types[type].has_content;
}

const char *record_type_name(uint8_t type)
{
    return is_type(type) ? types[type].name : "unknown";
}

/* ---- lists ---- */

void record_list_put(buffer_t *octets, uint32_t *count, uint64_t a, uint64_t b)
{
    write_varint(octets, a);
    write_varint(octets, b);
    ++*count;
}

void record_runs_end(record_runs_t *r)
{
    if (r->first < r->after)
        record_list_put(r->octets, r->count, r->first, r->after - r->first);
    r->first = r->after;
}

void record_runs_put(record_runs_t *r, uint64_t n, uint64_t count)
{
    if (n != r->after) {
        record_runs_end(r);
        r->first = n;
    }
    r->after = n + count;
}

bool record_list_next(bytes_reader_t *in, uint64_t *a, uint64_t *b)
{
    if (reader_left(in) == 0)
        return false;
    *a = read_varint(in);
    *b = read_varint(in);
    return reader_ok(in);
}

static void write_list(buffer_t *b, const record_list_t *l)
{
    write_varint(b, l->count);
    write_bytes(b, l->octets);
}

static record_list_t read_list(bytes_reader_t *in)
{
    record_list_t l = {0};
    uint64_t count = read_varint(in), x, y;
    const uint8_t *begin = in->at;
    for (uint64_t i = 0; i < count; i++)
        if (!record_list_next(in, &x, &y)) {
            in->failed = true;
            return l;
        }
    if (count > UINT32_MAX)
        in->failed = true;
    if (!reader_ok(in) || count == 0)
        return l;
    return (record_list_t){(uint32_t)count, bytes_make(begin, (size_t)(in->at - begin))};
}

/* ---- fields ---- */

static void write_field(buffer_t *b, const record_t *r, uint8_t field)
{
    switch (field) {
    case FLAGS:
        write_u8(b, r->flags);
        break;
    case KIND:
        write_u8(b, r->kind);
        break;
    case VHOST:
        write_varint(b, r->vhost);
        break;
    case QUEUE:
        write_varint(b, r->queue);
        break;
    case POSITION:
        write_varint(b, r->position);
        break;
    case MARK:
        write_varint(b, r->mark);
        break;
    case MESSAGE:
        write_varint(b, r->message);
        break;
    case TIME:
        write_varint(b, r->time_ms);
        break;
    case PROPERTIES:
        write_varint(b, r->properties_bytes);
        break;
    case NAME:
        write_short_string(b, r->name);
        break;
    case SOURCE:
        write_short_string(b, r->source);
        break;
    case KEY:
        write_short_string(b, r->key);
        break;
    case ARGUMENTS:
        write_long_string(b, r->arguments);
        break;
    case EXCHANGE:
        write_short_string(b, r->exchange);
        break;
    case PARTS:
        write_list(b, &r->parts);
        break;
    case LIST:
        write_list(b, &r->list);
        break;
    case SEQ_IF_ANY:
        if (!(r->flags & RECORD_SEQUENCED))
            break;
        /* fall through */
    case SEQ:
        write_varint(b, r->seq);
        write_varint(b, r->view);
        break;
    case NEED:
        write_varint(b, r->need);
        break;
    default:
        assert(false);
    }
}

static uint32_t read_small(bytes_reader_t *in)
{
    uint64_t v = read_varint(in);
    if (v > UINT32_MAX)
        in->failed = true;
    return (uint32_t)v;
}

static void read_field(bytes_reader_t *in, record_t *r, uint8_t field)
{
    switch (field) {
    case FLAGS:
        r->flags = read_u8(in);
        break;
    case KIND:
        r->kind = read_u8(in);
        break;
    case VHOST:
        r->vhost = read_small(in);
        break;
    case QUEUE:
        r->queue = read_varint(in);
        break;
    case POSITION:
        r->position = read_varint(in);
        break;
    case MARK:
        r->mark = read_varint(in);
        break;
    case MESSAGE:
        r->message = read_varint(in);
        break;
    case TIME:
        r->time_ms = read_varint(in);
        break;
    case PROPERTIES:
        r->properties_bytes = read_small(in);
        break;
    case NAME:
        r->name = read_short_string(in);
        break;
    case SOURCE:
        r->source = read_short_string(in);
        break;
    case KEY:
        r->key = read_short_string(in);
        break;
    case ARGUMENTS:
        r->arguments = read_long_string(in);
        break;
    case EXCHANGE:
        r->exchange = read_short_string(in);
        break;
    case PARTS:
        r->parts = read_list(in);
        break;
    case LIST:
        r->list = read_list(in);
        break;
    case SEQ_IF_ANY:
        if (!(r->flags & RECORD_SEQUENCED))
            break;
        /* fall through */
    case SEQ:
        r->seq = read_varint(in);
        r->view = read_varint(in);
        break;
    case NEED:
        r->need = read_varint(in);
        break;
    default:
        assert(false);
    }
}

void record_write(buffer_t *b, const record_t *r)
{
    assert(is_type(r->type));
    write_u8(b, r->type);
    for (const uint8_t *field = types[r->type].fields; *field != END; field++)
        write_field(b, r, *field);
}

bool record_read(bytes_reader_t *in, record_t *out)
{
    *out = (record_t){.type = read_u8(in)};
    if (!is_type(out->type)) {
        in->failed = true;
        return false;
    }
    for (const uint8_t *field = types[out->type].fields; *field != END; field++)
        read_field(in, out, *field);
    return reader_ok(in);
}
