/* SPDX-License-Identifier: Apache-2.0
 *
 * refuse.c: how errors that the wire room finds reach the peer.
 *
 * A hard error behind connection.open goes through the engine, so that the connection is wound up before the
 * peer hears of it; before that it is answered at once, or, towards a peer that is not authenticated, not at
 * all. An error in a request goes to the engine as COMMAND_REFUSE, so that it takes effect behind the
 * requests before it. */
#include <stdarg.h>

#include "amqp/session_internal.h"
#include "base/alloc.h"
#include "base/text.h"

#define REPLY_TEXT_CUT 252

/* The length of the longest beginning of `text`, at most `most` octets, that does not cut a character. */
static size_t whole_characters(const char *text, size_t most)
{
    size_t len = most;
    while (len > 0 && ((uint8_t)text[len] & 0xc0) == 0x80)
        len--;
    return len;
}

bytes_t amqp_reply_text(const refusal_t *r, uint8_t out[UINT8_MAX])
{
    char whole[sizeof r->text + 64];
    const char *dash = r->text[0] ? " - " : "";
    size_t len = text_format(whole, sizeof whole, "%s%s%s", refusal_name(r->code), dash, r->text);
    if (len > UINT8_MAX) {
        len = whole_characters(whole, REPLY_TEXT_CUT);
        memcpy(whole + len, "...", 3);
        len += 3;
    }
    memcpy(out, whole, len);
    return bytes_make(out, len);
}

void amqp_close_with(amqp_session_t *s, refusal_t *r)
{
    uint8_t text[UINT8_MAX];
    amqp_connection_close_t close = {
        .reply_code = r->code,
        .reply_text = amqp_reply_text(r, text),
        .class_id = AMQP_CLASS_OF(r->cause),
        .method_id = AMQP_METHOD_OF(r->cause),
    };
    bool forced = r->code == REFUSAL_CONNECTION_FORCED;
    if (!s->explained)
        amqp_session_log(s, forced ? LOG_INFO : LOG_ERROR, "closed by us, %u %.*s", r->code,
                         TEXT_ARG(close.reply_text));
    s->explained = true;
    s->stream.channel = NULL; /* the rest of a body is skipped */
    amqp_send_method(s, 0, AMQP_connection_close, &close);
    mem_free(r);

    amqp_session_move(s, AMQP_STATE_CLOSING);
    bool stranger = s->client.number == 0 || s->framing_lost;
    uint64_t wait_ms = stranger ? s->io->options.refused_login_delay_ms : amqp_session_patience_ms(s);
    amqp_heartbeat_stop(s);
    amqp_due_set(s, AMQP_DUE_HANDSHAKE, 0);
    amqp_due_set(s, AMQP_DUE_CLOSE, amqp_session_now(s) + wait_ms);
    amqp_session_resume(s, UINT8_MAX);
}

void amqp_drop(amqp_session_t *s, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    text_format_list(text, sizeof text, format, args);
    va_end(args);
    if (!s->explained)
        amqp_session_log(s, LOG_WARNING, "dropped, %s", text);
    s->explained = true;
    amqp_session_move(s, AMQP_STATE_DROPPING);
    amqp_heartbeat_stop(s);
    amqp_due_set(s, AMQP_DUE_HANDSHAKE, 0);
    amqp_due_set(s, AMQP_DUE_CLOSE, amqp_session_now(s) + s->io->options.refused_login_delay_ms);
}

static void refuse(amqp_session_t *s, uint16_t code, amqp_method_id cause, const char *text)
{
    switch (s->state) {
    case AMQP_STATE_SENT_START:
        amqp_drop(s, "%s", text);
        return;
    case AMQP_STATE_SENT_TUNE:
    case AMQP_STATE_EXPECT_OPEN:
        amqp_close_with(s, refusal_new(code, cause, "%s", text));
        return;
    case AMQP_STATE_RUNNING:
        amqp_session_move(s, AMQP_STATE_REFUSING);
        amqp_session_pause(s, AMQP_PAUSE_ANSWER);
        amqp_session_push_close(s, 0, refusal_new(code, cause, "%s", text));
        return;
    default: /* it is closing already */
        return;
    }
}

void amqp_refuse_connection(amqp_session_t *s, uint16_t code, amqp_method_id cause, const char *format, ...)
{
    char text[sizeof((refusal_t *)0)->text];
    va_list args;
    va_start(args, format);
    text_format_list(text, sizeof text, format, args);
    va_end(args);
    refuse(s, code, cause, text);
}

void amqp_refuse_frame(amqp_session_t *s, uint8_t type, bytes_t payload, const char *format, ...)
{
    char octets[192], reason[96], text[320];
    va_list args;
    va_start(args, format);
    text_format_list(reason, sizeof reason, format, args);
    va_end(args);
    amqp_describe_octets(payload, octets, sizeof octets);
    text_format(text, sizeof text, "type %u, %s: %s", type, octets, reason);
    s->framing_lost = true;
    refuse(s, REFUSAL_FRAME_ERROR, 0, text);
}

void amqp_refuse_unexpected_frame(amqp_session_t *s, uint8_t type, bytes_t payload)
{
    char octets[192];
    amqp_describe_octets(payload, octets, sizeof octets);
    amqp_refuse_connection(s, REFUSAL_UNEXPECTED_FRAME, 0, "type %u, %s", type, octets);
}

void amqp_refuse_request(amqp_session_t *s, const amqp_channel_t *ch, uint16_t code, amqp_method_id cause,
                         const char *format, ...)
{
    char text[sizeof((refusal_t *)0)->text];
    va_list args;
    va_start(args, format);
    text_format_list(text, sizeof text, format, args);
    va_end(args);
    command_t c = {.type = COMMAND_REFUSE, .channel = ch->number, .cause = cause};
    c.refusal = refusal_new(code, cause, "%s", text);
    amqp_session_push(s, &c);
}
