/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp_wait.c: what an AMQP broker says, frame by frame: deliveries, confirms, returns, and why it ends something. */
#include <inttypes.h>

#include "base/text.h"
#include "cli/bus/amqp.h"

#define CONNECTION_FORCED 320

/* ---- refusals ---- */

bus_code_t amqp_lost(int status, const char *doing, error_t *err)
{
    error_set(err, "%s: %s", doing, amqp_error_string2(status));
    return BUS_LOST;
}

/* A broker that shuts down (320) will be there again. */
static bus_code_t closed(wire_t *w, amqp_method_t method, const char *doing, error_t *err)
{
    uint16_t code = 0;
    amqp_bytes_t text = amqp_empty_bytes;
    if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *why = method.decoded;
        code = why->reply_code, text = why->reply_text;
        w->closed = true;
    } else if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *why = method.decoded;
        code = why->reply_code, text = why->reply_text;
    }
    error_set(err, "%s: the broker says %u %.*s", doing, code, (int)text.len, (const char *)text.bytes);
    return code == CONNECTION_FORCED ? BUS_LOST : BUS_REFUSED;
}

bus_code_t amqp_judge(wire_t *w, amqp_rpc_reply_t reply, const char *doing, error_t *err)
{
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return BUS_OK;
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION)
        return closed(w, reply.reply, doing, err);
    return amqp_lost(reply.library_error, doing, err);
}

/* ---- confirms ---- */

static void settle(wire_t *w, uint64_t tag, bool multiple, uint64_t *count)
{
    for (uint64_t t = multiple ? w->oldest : tag; t >= w->oldest && t <= tag && t <= w->counts.published;
         t++) {
        bool *one = &w->settled[t % AMQP_WINDOW];
        *count += !*one;
        *one = true;
    }
    for (; w->oldest <= w->counts.published && w->settled[w->oldest % AMQP_WINDOW]; w->oldest++)
        w->settled[w->oldest % AMQP_WINDOW] = false;
}

static void on_ack(wire_t *w, const amqp_basic_ack_t *ack)
{
    settle(w, ack->delivery_tag, ack->multiple, &w->counts.confirmed);
}

static void on_nack(wire_t *w, const amqp_basic_nack_t *nack)
{
    settle(w, nack->delivery_tag, nack->multiple, &w->counts.refused);
}

/* ---- what comes with a body ---- */

static bus_code_t read_content(wire_t *w, amqp_message_t *content, error_t *err)
{
    return amqp_judge(w, amqp_read_message(w->connection, AMQP_CHANNEL, content, 0), "connection lost", err);
}

static bus_code_t on_return(wire_t *w, const amqp_basic_return_t *returned, error_t *err)
{
    amqp_message_t content;
    uint16_t code = returned->reply_code; /* its memory goes with the next frame */
    char why[256], key[256];
    text_format(why, sizeof why, "%.*s", TEXT_ARG(amqp_view(returned->reply_text)));
    text_format(key, sizeof key, "%.*s", TEXT_ARG(amqp_view(returned->routing_key)));
    bus_code_t result = read_content(w, &content, err);
    if (result != BUS_OK)
        return result;
    amqp_destroy_message(&content);
    w->counts.returned++;
    cli_complain(CLI_FAILED, "'%s' came back: %u %s", key, code, why);
    return BUS_OK;
}

static int64_t integer_of(const amqp_field_value_t *v)
{
    switch (v->kind) {
    case AMQP_FIELD_KIND_I8:
        return v->value.i8;
    case AMQP_FIELD_KIND_U8:
        return v->value.u8;
    case AMQP_FIELD_KIND_I16:
        return v->value.i16;
    case AMQP_FIELD_KIND_U16:
        return v->value.u16;
    case AMQP_FIELD_KIND_I32:
        return v->value.i32;
    case AMQP_FIELD_KIND_U32:
        return v->value.u32;
    case AMQP_FIELD_KIND_I64:
        return v->value.i64;
    case AMQP_FIELD_KIND_U64:
        return v->value.u64 <= INT64_MAX ? (int64_t)v->value.u64 : -1;
    default:
        return -1;
    }
}

static void take_headers(bus_message_t *m, const amqp_table_t *headers)
{
    for (int i = 0; i < headers->num_entries; i++) {
        const amqp_table_entry_t *h = &headers->entries[i];
        bytes_t name = amqp_view(h->key);
        int64_t number = integer_of(&h->value);
        if (bytes_equal(name, BYTES("x-seq")) && number >= 0)
            text_format(m->seq, sizeof m->seq, "%" PRId64, number);
        else if (bytes_equal(name, BYTES("x-view")))
            m->view = number;
        else if (bytes_equal(name, BYTES("x-delivery-count")))
            m->delivery_count = number;
    }
}

static bus_code_t on_delivery(wire_t *w, const amqp_basic_deliver_t *delivery, bus_message_t *m, error_t *err)
{
    amqp_message_t content;
    m->delivery_tag = delivery->delivery_tag;
    bus_message_add(m, amqp_view(delivery->routing_key));
    bus_code_t result = read_content(w, &content, err);
    if (result != BUS_OK)
        return result;
    const amqp_basic_properties_t *p = &content.properties;
    bus_message_add(m, amqp_view(content.body));
    if (p->_flags & AMQP_BASIC_HEADERS_FLAG)
        take_headers(m, &p->headers);
    if (p->_flags & AMQP_BASIC_REPLY_TO_FLAG)
        write_bytes(&m->answer_to, amqp_view(p->reply_to));
    if (p->_flags & AMQP_BASIC_CORRELATION_ID_FLAG)
        write_bytes(&m->correlation, amqp_view(p->correlation_id));
    amqp_destroy_message(&content);
    return BUS_OK;
}

/* ---- one thing after the other ---- */

static bus_code_t wait_frame(wire_t *w, amqp_frame_t *frame, uint64_t deadline_ms, error_t *err)
{
    for (;;) {
        uint64_t now = cli_now_ms(), left = deadline_ms > now ? deadline_ms - now : 0;
        struct timeval slice = {.tv_usec = (left < CLI_SLICE_MS ? (int)left : CLI_SLICE_MS) * 1000};
        amqp_maybe_release_buffers(w->connection);
        int status = amqp_simple_wait_frame_noblock(w->connection, frame, &slice);
        if (status == AMQP_STATUS_OK)
            return BUS_OK;
        if (status != AMQP_STATUS_TIMEOUT)
            return amqp_lost(status, "connection lost", err);
        if (left == 0 || cli_stopping())
            return BUS_NOTHING;
    }
}

static void on_blocked(const amqp_connection_blocked_t *blocked)
{
    cli_complain(CLI_FAILED, "the broker holds publishers back: it is %.*s",
                 TEXT_ARG(amqp_view(blocked->reason)));
}

static bus_code_t on_method(wire_t *w, amqp_method_t method, bus_message_t *m, bool *came, error_t *err)
{
    switch (method.id) {
    case AMQP_BASIC_DELIVER_METHOD:
        if (!m) {
            error_set(err, "a delivery came that the broker was not to send");
            return BUS_LOST;
        }
        *came = true;
        return on_delivery(w, method.decoded, m, err);
    case AMQP_BASIC_RETURN_METHOD:
        return on_return(w, method.decoded, err);
    case AMQP_BASIC_ACK_METHOD:
        on_ack(w, method.decoded);
        return BUS_OK;
    case AMQP_BASIC_NACK_METHOD:
        on_nack(w, method.decoded);
        return BUS_OK;
    case AMQP_CONNECTION_BLOCKED_METHOD:
        on_blocked(method.decoded);
        return BUS_OK;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        cli_complain(CLI_FAILED, "the broker takes messages again");
        return BUS_OK;
    case AMQP_BASIC_CANCEL_METHOD:
        error_set(err, "the queue is gone");
        return BUS_LOST;
    default:
        return closed(w, method, "connection ended", err);
    }
}

bus_code_t amqp_next(wire_t *w, bus_message_t *m, bool *came, uint64_t deadline_ms, error_t *err)
{
    amqp_frame_t frame;
    *came = false;
    bus_code_t result = wait_frame(w, &frame, deadline_ms, err);
    if (result != BUS_OK || frame.frame_type != AMQP_FRAME_METHOD)
        return result;
    return on_method(w, frame.payload.method, m, came, err);
}
