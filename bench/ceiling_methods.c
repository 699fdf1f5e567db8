/* SPDX-License-Identifier: Apache-2.0
 *
 * ceiling_methods.c: every request is answered with -ok at once; what the ceiling cannot do is refused, so that nobody
 * measures something else than he thinks. */
#include "ceiling.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

void conn_write(conn_t *n, uint16_t channel, amqp_method_id id, const void *method)
{
    amqp_write_method(&n->out.own, channel, id, method);
    conn_changed(n);
}

void conn_refuse(conn_t *n, uint16_t code, const char *format, ...)
{
    char text[200];
    va_list args;
    if (n->refused)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    n->refused = true;
    conn_write(n, 0, AMQP_connection_close,
               &(amqp_connection_close_t){.reply_code = code, .reply_text = bytes_string(text)});
}

static void refuse_unknown(conn_t *n, const char *what, bytes_t name)
{
    conn_refuse(n, 404, "NOT_FOUND - no %s '%.*s'", what, (int)name.len, (const char *)name.data);
}

/* ---- channels ---- */

channel_t *channel_find(const conn_t *n, uint16_t number)
{
    return number < n->channel_places ? n->channels[number] : NULL;
}

channel_t *channel_open(conn_t *n, uint16_t number)
{
    while (number >= n->channel_places) {
        size_t filled = n->channel_places;
        n->channels = mem_grow(n->channels, sizeof *n->channels, filled, &n->channel_places, 8);
        for (size_t i = filled; i < n->channel_places; i++)
            n->channels[i] = NULL;
    }
    channel_t *ch = MEM_NEW(channel_t);
    ch->conn = n;
    ch->number = number;
    list_init(&ch->confirming);
    list_init(&ch->consumers);
    n->channels[number] = ch;
    return ch;
}

void channel_free(channel_t *ch)
{
    LIST_EACH (node, &ch->consumers)
        consumer_free(LIST_OF(node, consumer_t, of_channel));
    list_remove(&ch->confirming);
    ch->conn->channels[ch->number] = NULL;
    buffer_free(&ch->route.method);
    buffer_free(&ch->method);
    buffer_free(&ch->content);
    mem_free(ch);
}

void channel_write_confirm(channel_t *ch)
{
    list_remove(&ch->confirming);
    conn_write(ch->conn, ch->number, AMQP_basic_ack,
               &(amqp_basic_ack_t){.delivery_tag = ch->published, .multiple = true});
}

/* ---- of a connection ---- */

static void tune_ok(conn_t *n, const amqp_connection_tune_ok_t *m)
{
    if (m->frame_max != 0 && m->frame_max != FRAME_MAX_BYTES) /* frames are passed on as they are */
        conn_refuse(n, 530, "NOT_ALLOWED - the ceiling has no frame_max but %u", FRAME_MAX_BYTES);
}

static void connection_take(conn_t *n, amqp_method_id id, const amqp_method_t *m)
{
    switch (id) {
    case AMQP_connection_start_ok:
        conn_write(n, 0, AMQP_connection_tune,
                   &(amqp_connection_tune_t){.channel_max = CHANNEL_MAX, .frame_max = FRAME_MAX_BYTES});
        break;
    case AMQP_connection_tune_ok:
        tune_ok(n, &m->connection_tune_ok);
        break;
    case AMQP_connection_open:
        conn_write(n, 0, AMQP_connection_open_ok, &(amqp_connection_open_ok_t){0});
        break;
    case AMQP_connection_close:
        conn_write(n, 0, AMQP_connection_close_ok, NULL);
        n->closing = true;
        break;
    case AMQP_connection_close_ok:
        conn_end(n);
        break;
    default:
        conn_refuse(n, 540, "NOT_IMPLEMENTED - the ceiling does not take %s",
                    amqp_method_name(amqp_method_find(id)));
    }
}

/* ---- of a channel ---- */

static void on_exchange_declare(channel_t *ch, const amqp_exchange_declare_t *m)
{
    ceiling_t *c = ch->conn->ceiling;
    if (!bytes_equal(m->type, BYTES("fanout")) && !m->passive) {
        conn_refuse(ch->conn, 540, "NOT_IMPLEMENTED - the ceiling has fanout exchanges only, not '%.*s'",
                    (int)m->type.len, (const char *)m->type.data);
        return;
    }
    if (!m->passive)
        exchange_declare(c, m->exchange);
    if (!exchange_find(c, m->exchange))
        refuse_unknown(ch->conn, "exchange", m->exchange);
    else if (!m->nowait)
        conn_write(ch->conn, ch->number, AMQP_exchange_declare_ok, NULL);
}

static void on_exchange_delete(channel_t *ch, const amqp_exchange_delete_t *m)
{
    exchange_t *x = exchange_find(ch->conn->ceiling, m->exchange);
    if (x)
        exchange_delete(ch->conn->ceiling, x);
    if (!m->nowait)
        conn_write(ch->conn, ch->number, AMQP_exchange_delete_ok, NULL);
}

static void on_queue_declare(channel_t *ch, const amqp_queue_declare_t *m)
{
    ceiling_t *c = ch->conn->ceiling;
    queue_t *q = m->passive ? queue_find(c, m->queue) : queue_declare(c, m->queue);
    if (!q)
        refuse_unknown(ch->conn, "queue", m->queue);
    else if (!m->nowait)
        conn_write(ch->conn, ch->number, AMQP_queue_declare_ok,
                   &(amqp_queue_declare_ok_t){.queue = q->name, .consumer_count = queue_consumer_count(q)});
}

static void on_queue_bind(channel_t *ch, const amqp_queue_bind_t *m)
{
    ceiling_t *c = ch->conn->ceiling;
    queue_t *q = queue_find(c, m->queue);
    exchange_t *x = exchange_find(c, m->exchange);
    if (!q || !x) {
        refuse_unknown(ch->conn, q ? "exchange" : "queue", q ? m->exchange : m->queue);
        return;
    }
    exchange_bind(c, x, q);
    if (!m->nowait)
        conn_write(ch->conn, ch->number, AMQP_queue_bind_ok, NULL);
}

static void on_queue_unbind(channel_t *ch, const amqp_queue_unbind_t *m)
{
    ceiling_t *c = ch->conn->ceiling;
    queue_t *q = queue_find(c, m->queue);
    exchange_t *x = exchange_find(c, m->exchange);
    if (q && x)
        exchange_unbind(c, x, q);
    conn_write(ch->conn, ch->number, AMQP_queue_unbind_ok, NULL);
}

static void on_queue_delete(channel_t *ch, const amqp_queue_delete_t *m)
{
    queue_t *q = queue_find(ch->conn->ceiling, m->queue);
    if (q)
        queue_delete(ch->conn->ceiling, q);
    if (!m->nowait)
        conn_write(ch->conn, ch->number, AMQP_queue_delete_ok, &(amqp_queue_delete_ok_t){0});
}

static void on_basic_consume(channel_t *ch, const amqp_basic_consume_t *m)
{
    queue_t *q = queue_find(ch->conn->ceiling, m->queue);
    if (!q) {
        refuse_unknown(ch->conn, "queue", m->queue);
        return;
    }
    consumer_t *k = consumer_new(ch, q, m->consumer_tag);
    if (!m->nowait)
        conn_write(ch->conn, ch->number, AMQP_basic_consume_ok,
                   &(amqp_basic_consume_ok_t){.consumer_tag = k->tag});
}

static void on_basic_cancel(channel_t *ch, const amqp_basic_cancel_t *m)
{
    consumer_t *k = consumer_find(ch, m->consumer_tag);
    if (k)
        consumer_free(k);
    if (!m->nowait)
        conn_write(ch->conn, ch->number, AMQP_basic_cancel_ok,
                   &(amqp_basic_cancel_ok_t){.consumer_tag = m->consumer_tag});
}

static void on_confirm_select(channel_t *ch, const amqp_confirm_select_t *m)
{
    ch->confirms = true;
    if (!m->nowait)
        conn_write(ch->conn, ch->number, AMQP_confirm_select_ok, NULL);
}

static void on_channel_close(channel_t *ch)
{
    conn_t *n = ch->conn;
    uint16_t number = ch->number;
    if (list_linked(&ch->confirming))
        channel_write_confirm(ch);
    channel_free(ch);
    conn_write(n, number, AMQP_channel_close_ok, NULL);
}

static void channel_take(channel_t *ch, amqp_method_id id, const amqp_method_t *m)
{
    switch (id) {
    case AMQP_exchange_declare:
        on_exchange_declare(ch, &m->exchange_declare);
        break;
    case AMQP_exchange_delete:
        on_exchange_delete(ch, &m->exchange_delete);
        break;
    case AMQP_queue_declare:
        on_queue_declare(ch, &m->queue_declare);
        break;
    case AMQP_queue_bind:
        on_queue_bind(ch, &m->queue_bind);
        break;
    case AMQP_queue_unbind:
        on_queue_unbind(ch, &m->queue_unbind);
        break;
    case AMQP_queue_delete:
        on_queue_delete(ch, &m->queue_delete);
        break;
    case AMQP_queue_purge:
        if (!m->queue_purge.nowait)
            conn_write(ch->conn, ch->number, AMQP_queue_purge_ok, &(amqp_queue_purge_ok_t){0});
        break;
    case AMQP_basic_qos:
        conn_write(ch->conn, ch->number, AMQP_basic_qos_ok, NULL);
        break;
    case AMQP_basic_consume:
        on_basic_consume(ch, &m->basic_consume);
        break;
    case AMQP_basic_cancel:
        on_basic_cancel(ch, &m->basic_cancel);
        break;
    case AMQP_confirm_select:
        on_confirm_select(ch, &m->confirm_select);
        break;
    case AMQP_channel_close:
        on_channel_close(ch);
        break;
    default:
        conn_refuse(ch->conn, 540, "NOT_IMPLEMENTED - the ceiling does not take %s",
                    amqp_method_name(amqp_method_find(id)));
    }
}

void method_take(conn_t *n, uint16_t number, amqp_method_id id, bytes_t arguments)
{
    amqp_method_t m;
    const amqp_method_info_t *info = amqp_method_find(id);
    channel_t *ch = channel_find(n, number);
    if (!info || amqp_method_decode(info, arguments, &m) != AMQP_DECODED)
        conn_refuse(n, 502, "SYNTAX_ERROR - method %08x", id);
    else if (number == 0)
        connection_take(n, id, &m);
    else if (ch)
        channel_take(ch, id, &m);
    else if (id == AMQP_channel_open && number <= CHANNEL_MAX) {
        channel_open(n, number);
        conn_write(n, number, AMQP_channel_open_ok, &(amqp_channel_open_ok_t){0});
    } else
        conn_refuse(n, 504, "CHANNEL_ERROR - channel %u is not open", number);
}
