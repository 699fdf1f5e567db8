/* SPDX-License-Identifier: Apache-2.0
 *
 * link.c: the client's side of an AMQP connection, the same for all roles: handshake, channels, frames, goodbye. */
#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "base/table.h"
#include "base/text.h"
#include "perf/perf_internal.h"

/* So many handshakes of one worker at once. */
#define DIALING_MAX 64

#define FRAME_MAX_BYTES 131072 /* asked for where the broker has no limit of its own */

static const session_kind_t session_kind;

/* ---- connecting ---- */

void link_init(link_t *l, worker_t *w, const role_t *role, uint16_t channels)
{
    l->session.kind = &session_kind;
    l->worker = w;
    l->role = role;
    l->channels = channels;
    list_init(&l->node);
    list_init(&l->waiting);
    list_append(&w->links, &l->node);
}

static session_t *open_link(void *context, transport_t *t)
{
    link_t *l = context;
    l->transport = t;
    l->state = LINK_OPENING;
    output_write(t->output, BYTES("AMQP\0\0\x09\x01"));
    t->kind->flush(t);
    return &l->session;
}

static void dial_failed(void *context, const char *reason)
{
    link_t *l = context;
    worker_fail(l->worker, "cannot connect to %s: %s", l->worker->run->address.text, reason);
}

static void dial_now(link_t *l)
{
    worker_t *w = l->worker;
    error_t err;
    w->dialing++;
    l->state = LINK_DIALING;
    l->opened = 0;
    if (net_dial(w->loop, &w->run->address, &(session_factory_t){.open = open_link, .context = l},
                 dial_failed, &err) != 0)
        worker_fail(w, "%s", err.text);
}

void link_dial(link_t *l)
{
    assert(l->state == LINK_WAITING || l->state == LINK_CLOSED);
    l->state = LINK_WAITING;
    if (l->worker->dialing < DIALING_MAX)
        dial_now(l);
    else
        list_append(&l->worker->to_dial, &l->waiting);
}

static void link_is_open(link_t *l)
{
    worker_t *w = l->worker;
    l->state = LINK_OPEN;
    w->count[PERF_CONNECTED]++;
    w->dialing--;
    list_t *next = list_first(&w->to_dial);
    if (next) {
        list_remove(next);
        dial_now(LIST_OF(next, link_t, waiting));
    }
    l->role->opened(l);
}

/* ---- what all roles do ---- */

void link_write(link_t *l, uint16_t channel, amqp_method_id id, const void *method)
{
    buffer_t *b = &l->worker->scratch;
    buffer_clear(b);
    amqp_write_method(b, channel, id, method);
    output_write(l->transport->output, buffer_bytes(b));
    l->transport->kind->flush(l->transport);
}

void link_ready(link_t *l)
{
    if (l->is_ready) {
        worker_fail(l->worker, "%s: the broker answered twice", l->role->name);
        return;
    }
    l->is_ready = true;
    l->worker->ready_links++;
}

void link_close(link_t *l)
{
    if (l->role->closing)
        l->role->closing(l);
    l->state = LINK_CLOSING;
    link_write(l, 0, AMQP_connection_close, &(amqp_connection_close_t){.reply_code = 200});
}

void worker_fail(worker_t *w, const char *format, ...)
{
    if (atomic_load(&w->failed))
        return;
    va_list args;
    va_start(args, format);
    text_format_list(w->error.text, sizeof w->error.text, format, args);
    va_end(args);
    atomic_store(&w->failed, true);
}

void link_unexpected(link_t *l, amqp_method_id id)
{
    worker_fail(l->worker, "%s: the broker sent %s", l->role->name, amqp_method_name(amqp_method_find(id)));
}

/* ---- methods ---- */

/* A broker closes the socket without a word on a wrong password, unless the client says that it knows better. */
static void write_client_properties(buffer_t *out)
{
    size_t capabilities = table_begin(out, "capabilities");
    table_put_bool(out, "authentication_failure_close", true);
    table_end(out, capabilities);
    table_put_string(out, "product", BYTES("chaski perf"));
}

static void say_who(link_t *l)
{
    const perf_options_t *o = &l->worker->run->options;
    buffer_t response = {0}, properties = {0};
    write_client_properties(&properties);
    write_u8(&response, 0);
    write_bytes(&response, bytes_string(o->user));
    write_u8(&response, 0);
    write_bytes(&response, bytes_string(o->password));
    link_write(l, 0, AMQP_connection_start_ok,
               &(amqp_connection_start_ok_t){.client_properties = buffer_bytes(&properties),
                                             .mechanism = BYTES("PLAIN"),
                                             .response = buffer_bytes(&response),
                                             .locale = BYTES("en_US")});
    buffer_free(&response);
    buffer_free(&properties);
}

static void agree(link_t *l, const amqp_connection_tune_t *tune)
{
    l->frame_max = tune->frame_max ? tune->frame_max : FRAME_MAX_BYTES;
    link_write(l, 0, AMQP_connection_tune_ok,
               &(amqp_connection_tune_ok_t){.channel_max = tune->channel_max, .frame_max = l->frame_max});
    link_write(l, 0, AMQP_connection_open,
               &(amqp_connection_open_t){.virtual_host = bytes_string(l->worker->run->options.vhost)});
}

static void open_channels(link_t *l)
{
    for (uint16_t i = 1; i <= l->channels; i++)
        link_write(l, i, AMQP_channel_open, &(amqp_channel_open_t){0});
}

static void closed_by_broker(link_t *l, const char *what, unsigned code, bytes_t text)
{
    worker_fail(l->worker, "%s: the broker closed its %s: %u %.*s", l->role->name, what, code,
                TEXT_ARG(text));
}

static void connection_method(link_t *l, amqp_method_id id, const amqp_method_t *m)
{
    switch (id) {
    case AMQP_connection_start:
        say_who(l);
        break;
    case AMQP_connection_tune:
        agree(l, &m->connection_tune);
        break;
    case AMQP_connection_open_ok:
        open_channels(l);
        break;
    case AMQP_connection_close_ok:
        l->transport->kind->close(l->transport, 1000);
        break;
    case AMQP_connection_close:
        closed_by_broker(l, "connection", m->connection_close.reply_code, m->connection_close.reply_text);
        break;
    default:
        link_unexpected(l, id);
    }
}

static void channel_method(link_t *l, uint16_t channel, amqp_method_id id, const amqp_method_t *m)
{
    if (id == AMQP_channel_close)
        closed_by_broker(l, "channel", m->channel_close.reply_code, m->channel_close.reply_text);
    else if (id != AMQP_channel_open_ok)
        l->role->method(l, channel, id, m);
    else if (++l->opened == l->channels)
        link_is_open(l);
}

/* ---- frames ---- */

static void take_method(link_t *l, uint16_t channel, bytes_t payload)
{
    amqp_method_t m;
    bytes_reader_t r = bytes_reader(payload);
    amqp_method_id id = read_u32(&r);
    const amqp_method_info_t *info = reader_ok(&r) ? amqp_method_find(id) : NULL;
    if (!info || amqp_method_decode(info, read_bytes(&r, reader_left(&r)), &m) != AMQP_DECODED)
        worker_fail(l->worker, "%s: the broker sent a method that cannot be read", l->role->name);
    else if (channel == 0)
        connection_method(l, id, &m);
    else
        channel_method(l, channel, id, &m);
}

static void take_content(link_t *l, uint8_t type, bytes_t payload)
{
    amqp_content_header_t header;
    if (!l->role->content) /* a role that does not look at them */
        return;
    if (type == AMQP_FRAME_BODY && l->body_left > 0 && payload.len <= l->body_left) {
        l->body_left -= payload.len;
        l->role->body(l, payload, l->body_left == 0);
    } else if (type == AMQP_FRAME_HEADER && amqp_content_header_decode(payload, &header)) {
        l->body_left = header.body_bytes;
        l->role->content(l, header.body_bytes);
        if (header.body_bytes == 0)
            l->role->body(l, bytes_make(NULL, 0), true);
    } else {
        worker_fail(l->worker, "%s: the broker sent a content that cannot be read", l->role->name);
    }
}

static void take_frame(link_t *l, amqp_frame_head_t head, bytes_t payload)
{
    if (head.type == AMQP_FRAME_METHOD)
        take_method(l, head.channel, payload);
    else if (head.type != AMQP_FRAME_HEARTBEAT)
        take_content(l, head.type, payload);
}

static size_t link_input(session_t *s, bytes_t octets)
{
    link_t *l = (link_t *)(void *)s;
    size_t used = 0;
    l->input_ns = os_now_ns();
    while (octets.len - used >= AMQP_FRAME_HEAD_BYTES) {
        const uint8_t *at = octets.data + used;
        amqp_frame_head_t head = amqp_frame_head_decode(at);
        size_t whole = (size_t)head.payload_bytes + AMQP_FRAME_OVERHEAD;
        if (octets.len - used < whole)
            break;
        if (at[whole - 1] != AMQP_FRAME_END) {
            worker_fail(l->worker, "%s: the broker sent no AMQP 0-9-1 frame", l->role->name);
            return octets.len;
        }
        take_frame(l, head, bytes_make(at + AMQP_FRAME_HEAD_BYTES, head.payload_bytes));
        used += whole;
    }
    return used;
}

/* ---- the session ---- */

static void link_drained(session_t *s)
{
    link_t *l = (link_t *)(void *)s;
    if (l->role->drained && l->state == LINK_OPEN)
        l->role->drained(l);
}

static void link_ended(session_t *s, const char *reason)
{
    link_t *l = (link_t *)(void *)s;
    bool expected = l->state == LINK_CLOSING;
    l->transport = NULL;
    l->state = LINK_CLOSED;
    if (l->worker->phase == PHASE_QUIT)
        return;
    if (!expected) {
        worker_fail(l->worker, "%s: the connection ended: %s", l->role->name, reason);
        return;
    }
    if (l->role->closed)
        l->role->closed(l);
    else
        link_ready(l);
}

static void nothing(session_t *s)
{
    (void)s;
}

static const session_kind_t session_kind = {
    .input = link_input,
    .drained = link_drained,
    .deadline = nothing,
    .ended = link_ended,
    .shutdown = nothing,
};
