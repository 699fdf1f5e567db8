/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp.c: the bus over AMQP 0-9-1. A subscription is an exclusive queue bound by prefixes or patterns; an event is asked
 * for by reply-to; a handler is a queue, a binding and a consumer with acks. */
#include "cli/bus/amqp.h"

#include <amqp_tcp_socket.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define CONNECT_MOST_S 5
#define ANSWER_MOST_S  30
#define CHANNEL_MAX    1
#define FRAME_MAX      131072

static amqp_bytes_t from_text(const char *text)
{
    return amqp_cstring_bytes(text);
}

/* ---- life ---- */

static wire_t *create(const bus_options_t *o, const wire_address_t *address)
{
    wire_t *w = MEM_NEW(wire_t);
    w->options = o;
    w->url = &address->amqp;
    return w;
}

/* Says goodbye, so that the broker has read all before it. */
static void end(wire_t *w)
{
    if (!w->connection)
        return;
    struct timeval briefly = {.tv_sec = 1};
    amqp_set_rpc_timeout(w->connection, &briefly);
    if (!w->closed)
        (void)amqp_connection_close(w->connection, AMQP_REPLY_SUCCESS);
    (void)amqp_destroy_connection(w->connection);
    amqp_bytes_free(w->queue);
    w->connection = NULL;
    w->queue = amqp_empty_bytes;
}

static void destroy(wire_t *w)
{
    end(w);
    mem_free(w);
}

static bus_code_t judge(wire_t *w, const char *doing, error_t *err)
{
    return amqp_judge(w, amqp_get_rpc_reply(w->connection), doing, err);
}

static bus_code_t log_in(wire_t *w, error_t *err)
{
    char where[300];
    struct timeval connect = {.tv_sec = CONNECT_MOST_S}, answer = {.tv_sec = ANSWER_MOST_S};
    const url_amqp_t *u = w->url;
    text_format(where, sizeof where, "cannot connect to %s:%s", u->host, u->port);
    w->connection = amqp_new_connection();
    amqp_socket_t *socket = w->connection ? amqp_tcp_socket_new(w->connection) : NULL;
    if (!socket)
        abort(); /* no memory: as base/alloc.h does */
    errno = 0;
    int status = amqp_socket_open_noblock(socket, u->host, (int)strtol(u->port, NULL, 10), &connect);
    if (status != AMQP_STATUS_OK) {
        bool system = status == AMQP_STATUS_SOCKET_ERROR && errno != 0;
        error_set(err, "%s: %s; is chaskid running there?", where,
                  system ? strerror(errno) : amqp_error_string2(status));
        return BUS_LOST;
    }
    amqp_set_rpc_timeout(w->connection, &answer);
    return amqp_judge(w,
                      amqp_login(w->connection, u->vhost, CHANNEL_MAX, FRAME_MAX, AMQP_HEARTBEAT_S,
                                 AMQP_SASL_METHOD_PLAIN, u->user, u->password),
                      where, err);
}

/* ---- queues ---- */

/* A durable queue of that name, or (NULL) one of our own, which ends with us. */
static bus_code_t declare_queue(wire_t *w, const char *name, error_t *err)
{
    const amqp_queue_declare_ok_t *ok =
        amqp_queue_declare(w->connection, AMQP_CHANNEL, name ? from_text(name) : amqp_empty_bytes, false,
                           name != NULL, name == NULL, false, amqp_empty_table);
    bus_code_t code = judge(w, "declare a queue", err);
    if (code == BUS_OK)
        w->queue = amqp_bytes_malloc_dup(ok->queue); /* the answer's memory does not last */
    return code;
}

static bus_code_t bind_queue(wire_t *w, const char *key, bool is_prefix, error_t *err)
{
    amqp_table_entry_t type = {.key = from_text("x-binding-type")};
    type.value.kind = AMQP_FIELD_KIND_UTF8;
    type.value.value.bytes = from_text(is_prefix ? "prefix" : "pattern");
    amqp_table_t arguments = {.num_entries = 1, .entries = &type};
    amqp_queue_bind(w->connection, AMQP_CHANNEL, w->queue, from_text(w->options->exchange), from_text(key),
                    is_prefix ? arguments : amqp_empty_table);
    return judge(w, "subscribe", err);
}

static bus_code_t consume(wire_t *w, bool no_ack, error_t *err)
{
    amqp_basic_consume(w->connection, AMQP_CHANNEL, w->queue, amqp_empty_bytes, false, no_ack, false,
                       amqp_empty_table);
    return judge(w, "consume", err);
}

static bus_code_t ask_for_confirms(wire_t *w, error_t *err)
{
    amqp_confirm_select(w->connection, AMQP_CHANNEL);
    return judge(w, "ask for confirms", err);
}

static bus_code_t await_reports(wire_t *w, error_t *err)
{
    bus_code_t code = declare_queue(w, NULL, err);
    return code == BUS_OK ? consume(w, true, err) : code;
}

static bus_code_t subscribe(wire_t *w, error_t *err)
{
    const bus_list_t *prefixes = &w->options->words, *patterns = &w->options->patterns;
    bus_code_t code = declare_queue(w, NULL, err);
    for (size_t i = 0; code == BUS_OK && i < prefixes->count; i++)
        code = bind_queue(w, prefixes->items[i], true, err);
    for (size_t i = 0; code == BUS_OK && i < patterns->count; i++)
        code = bind_queue(w, patterns->items[i], false, err);
    if (code == BUS_OK && prefixes->count + patterns->count == 0)
        code = bind_queue(w, "", true, err);
    return code == BUS_OK ? consume(w, true, err) : code;
}

/* One event at a time: what is under way comes again elsewhere if we die. */
static bus_code_t join(wire_t *w, error_t *err)
{
    bus_code_t code = declare_queue(w, w->options->group, err);
    if (code == BUS_OK)
        code = bind_queue(w, w->options->words.items[0], true, err);
    if (code != BUS_OK)
        return code;
    amqp_basic_qos(w->connection, AMQP_CHANNEL, 0, 1, false);
    code = judge(w, "set the prefetch", err);
    return code == BUS_OK ? consume(w, false, err) : code;
}

static bus_code_t open_(wire_t *w, error_t *err)
{
    static bus_code_t (*const begin[])(wire_t *, error_t *) = {
        [BUS_PUBLISH] = ask_for_confirms,
        [BUS_SUBSCRIBE] = subscribe,
        [BUS_ASK] = await_reports,
        [BUS_HANDLE] = join,
    };
    w->counts = (bus_counts_t){0};
    w->oldest = 1;
    w->broken = BUS_OK;
    w->closed = false;
    memset(w->settled, 0, sizeof w->settled);
    bus_code_t code = log_in(w, err);
    if (code != BUS_OK)
        return code;
    amqp_channel_open(w->connection, AMQP_CHANNEL);
    code = judge(w, "open a channel", err);
    return code == BUS_OK ? begin[w->options->role](w, err) : code;
}

/* ---- publishing ---- */

static uint64_t unconfirmed(const wire_t *w)
{
    return w->counts.published - w->counts.confirmed - w->counts.refused;
}

/* Until fewer than `most` publishes, from the oldest on, are without a confirm. */
static bus_code_t await_confirms(wire_t *w, uint64_t most, uint64_t deadline_ms, error_t *err)
{
    bool came;
    bus_code_t code = BUS_OK;
    while (code == BUS_OK && w->counts.published - w->oldest + 1 >= most)
        code = amqp_next(w, NULL, &came, deadline_ms, err);
    if (code == BUS_NOTHING && !cli_stopping())
        error_set(err, "the broker has not confirmed %llu of %llu messages in time",
                  (unsigned long long)unconfirmed(w), (unsigned long long)w->counts.published);
    return code;
}

static bus_code_t send_message(wire_t *w, bytes_t exchange, bytes_t key, const amqp_basic_properties_t *p,
                               bytes_t body, error_t *err)
{
    int status = amqp_basic_publish(w->connection, AMQP_CHANNEL, amqp_from(exchange), amqp_from(key),
                                    w->options->mandatory, false, p, amqp_from(body));
    return status == AMQP_STATUS_OK ? BUS_OK : amqp_lost(status, "connection lost", err);
}

/* What makes an event of a message: who is told what became of it, and how long that may take. */
static bus_code_t send_event(wire_t *w, bytes_t topic, bytes_t body, amqp_basic_properties_t *p, error_t *err)
{
    const bus_options_t *o = w->options;
    char expiration[24];
    amqp_table_entry_t header = {.key = from_text("x-sync")};
    p->_flags |= AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG;
    p->reply_to = w->queue;
    p->correlation_id = from_text("1");
    if (o->id) {
        p->_flags |= AMQP_BASIC_MESSAGE_ID_FLAG;
        p->message_id = from_text(o->id);
    }
    if (o->timeout_given) {
        text_format(expiration, sizeof expiration, "%llu", (unsigned long long)o->timeout_ms);
        p->_flags |= AMQP_BASIC_EXPIRATION_FLAG;
        p->expiration = from_text(expiration);
    }
    if (o->sync) {
        header.value.kind = AMQP_FIELD_KIND_UTF8;
        header.value.value.bytes = from_text(o->sync);
        p->_flags |= AMQP_BASIC_HEADERS_FLAG;
        p->headers = (amqp_table_t){.num_entries = 1, .entries = &header};
    }
    return send_message(w, bytes_string(o->exchange), topic, p, body, err);
}

/* What serve found out. */
static bus_code_t still_there(const wire_t *w, error_t *err)
{
    if (w->broken != BUS_OK)
        *err = w->why;
    return w->broken;
}

static bus_code_t publish(wire_t *w, bytes_t topic, bytes_t body, uint64_t deadline_ms, error_t *err)
{
    amqp_basic_properties_t p = {0};
    if (w->options->persistent) {
        p._flags |= AMQP_BASIC_DELIVERY_MODE_FLAG;
        p.delivery_mode = 2;
    }
    if (w->options->role == BUS_ASK)
        return send_event(w, topic, body, &p, err);
    bus_code_t code = still_there(w, err);
    if (code == BUS_OK)
        code = await_confirms(w, AMQP_WINDOW, deadline_ms, err);
    if (code == BUS_OK)
        code = send_message(w, bytes_string(w->options->exchange), topic, &p, body, err);
    w->counts.published += code == BUS_OK;
    return code;
}

static bus_code_t flush(wire_t *w, uint64_t deadline_ms, error_t *err)
{
    bus_code_t code = still_there(w, err);
    return code == BUS_OK ? await_confirms(w, 1, deadline_ms, err) : code;
}

static const bus_counts_t *counts(const wire_t *w)
{
    return &w->counts;
}

/* ---- receiving ---- */

static bus_code_t receive(wire_t *w, bus_message_t *m, uint64_t deadline_ms, error_t *err)
{
    bool came = false;
    bus_code_t code = BUS_OK;
    while (code == BUS_OK && !came)
        code = amqp_next(w, m, &came, deadline_ms, err);
    return code;
}

/* The result (or the reason) goes before the ack (or the reject): after it nobody would wait for it. */
static bus_code_t answer(wire_t *w, const bus_message_t *m, bool failed, bytes_t text, error_t *err)
{
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_CORRELATION_ID_FLAG};
    bus_code_t code = still_there(w, err);
    int status = AMQP_STATUS_OK;
    p.correlation_id = amqp_from(buffer_bytes(&m->correlation));
    if (code == BUS_OK && m->answer_to.len > 0)
        code = send_message(w, bytes_make(NULL, 0), buffer_bytes(&m->answer_to), &p, text, err);
    if (code != BUS_OK)
        return code;
    status = failed ? amqp_basic_reject(w->connection, AMQP_CHANNEL, m->delivery_tag, false)
                    : amqp_basic_ack(w->connection, AMQP_CHANNEL, m->delivery_tag, false);
    return status == AMQP_STATUS_OK ? BUS_OK : amqp_lost(status, "connection lost", err);
}

/* With a prefetch of one no delivery comes while one is under way: what comes are confirms, or the end. */
static void serve(wire_t *w)
{
    bool came;
    bus_code_t code = BUS_OK;
    while (w->broken == BUS_OK && code == BUS_OK) {
        code = amqp_next(w, NULL, &came, 0, &w->why);
        if (code == BUS_LOST || code == BUS_REFUSED)
            w->broken = code;
    }
}

const wire_calls_t wire_amqp = {create, destroy, open_, end, publish, flush, counts, receive, answer, serve};
