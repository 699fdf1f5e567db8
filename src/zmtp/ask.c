/* SPDX-License-Identifier: Apache-2.0
 *
 * ask.c: REQ and DEALER. What stands before the body of a request, its envelope, is kept until the answer comes, and goes
 * back in front of it, octet for octet: a REQ that misses it never comes back.
 *
 *   [e..][""][topic][payload..]   on a bus port: an event; the answer is its report
 *   [e..][""][body..]             on a queue port: RPC; the answer is a worker's
 *   [topic][payload..]            without an empty frame before the last, on a bus port: a plain publish
 *   [""]                          ZMQ_PROBE_ROUTER says so when it connects: nothing
 *
 * How many answers are due is bounded; beyond that the connection is not read. */
#include <assert.h>

#include "base/alloc.h"
#include "base/properties.h"
#include "base/text.h"
#include "zmtp/session_internal.h"

#define CONSUMER 1

/* ---- requests whose answer is due ---- */

static bytes_t number_of(const hash_node_t *node)
{
    const zmtp_asked_t *a = HASH_OF(node, const zmtp_asked_t, node);
    return bytes_make(&a->number, sizeof a->number);
}

void zmtp_asked_init(zmtp_session_t *s)
{
    hash_init(&s->asked, number_of);
    list_init(&s->asked_in_order);
}

static zmtp_asked_t *asked_find(const zmtp_session_t *s, uint32_t number)
{
    hash_node_t *node = hash_find(&s->asked, bytes_make(&number, sizeof number));
    return node ? HASH_OF(node, zmtp_asked_t, node) : NULL;
}

static void asked_remove(zmtp_session_t *s, zmtp_asked_t *a)
{
    s->asked_bytes -= a->envelope_bytes;
    hash_remove(&s->asked, &a->node);
    list_remove(&a->in_order);
    mem_free(a);
}

void zmtp_asked_free(zmtp_session_t *s)
{
    for (list_t *node; (node = list_first(&s->asked_in_order));)
        asked_remove(s, LIST_OF(node, zmtp_asked_t, in_order));
    hash_deinit(&s->asked);
}

static bool asked_is_full(const zmtp_session_t *s)
{
    size_t times = s->handles ? ZMTP_ASKED_OF_HANDLER : 1;
    return s->asked.count >= times * ZMTP_ASKED_MOST || s->asked_bytes >= times * ZMTP_ASKED_MOST_BYTES;
}

static zmtp_asked_t *oldest(const zmtp_session_t *s)
{
    list_t *node = list_first(&s->asked_in_order);
    return node ? LIST_OF(node, zmtp_asked_t, in_order) : NULL;
}

/* An answer that never comes, as a worker's that has failed, must not stop the connection for ever. */
static void check_asked(zmtp_session_t *s)
{
    if (asked_is_full(s)) {
        zmtp_session_pause(s, ZMTP_PAUSE_ASKED);
        zmtp_due_set(s, ZMTP_DUE_ASKED, oldest(s)->asked_at_ms + ZMTP_ASKED_MOST_MS);
    } else if (s->pauses & ZMTP_PAUSE_ASKED) {
        zmtp_due_set(s, ZMTP_DUE_ASKED, 0);
        zmtp_session_resume(s, ZMTP_PAUSE_ASKED);
    }
}

void zmtp_asked_due(zmtp_session_t *s, uint64_t now_ms)
{
    size_t before = s->asked.count;
    for (zmtp_asked_t *a; (a = oldest(s)) && a->asked_at_ms + ZMTP_ASKED_MOST_MS <= now_ms;)
        asked_remove(s, a);
    if (s->asked.count < before)
        zmtp_session_log(s, LOG_WARNING, "%zu requests were not answered in %u s and are forgotten",
                         before - s->asked.count, ZMTP_ASKED_MOST_MS / 1000);
    zmtp_due_set(s, ZMTP_DUE_ASKED, 0);
    check_asked(s);
}

static size_t envelope_bytes(const zmtp_gather_t *g, size_t frames)
{
    size_t bytes = 0;
    for (size_t i = 0; i < frames; i++)
        bytes += zmtp_frame_head_bytes(g->lengths[i]) + (size_t)g->lengths[i];
    return bytes;
}

/* Keeps the first `frames` of the message. */
static zmtp_asked_t *asked_add(zmtp_session_t *s, size_t frames)
{
    const zmtp_gather_t *g = &s->gather;
    size_t bytes = envelope_bytes(g, frames);
    zmtp_asked_t *a = mem_alloc(sizeof *a + bytes);
    a->number = ++s->last_asked;
    a->asked_at_ms = zmtp_session_now(s);
    a->envelope_bytes = (uint32_t)bytes;
    uint8_t *at = a->envelope;
    for (size_t i = 0; i < frames; i++)
        at = put_bytes(zmtp_put_frame_head(at, ZMTP_MORE, g->lengths[i]), zmtp_gather_frame(g, i));
    list_init(&a->in_order);
    list_append(&s->asked_in_order, &a->in_order);
    hash_insert(&s->asked, &a->node);
    s->asked_bytes += bytes;
    return a;
}

/* ---- requests ---- */

static bool is_probe(const zmtp_gather_t *g)
{
    return g->count == 1 && g->lengths[0] == 0;
}

/* Frames up to and with the first empty one that is not the last; 0 if there is none. */
static size_t envelope_frames(const zmtp_gather_t *g)
{
    for (size_t i = 0; i + 1 < g->count; i++)
        if (g->lengths[i] == 0)
            return i + 1;
    return 0;
}

static bool envelope_allowed(zmtp_session_t *s, size_t frames)
{
    if (envelope_bytes(&s->gather, frames) <= ZMTP_ASKED_MOST_BYTES)
        return true;
    zmtp_session_fail(s, "an envelope of more than %u octets", ZMTP_ASKED_MOST_BYTES);
    return false;
}

/* ---- an event's id ---- */

static bool is_printable(bytes_t b)
{
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] < ' ' || b.data[i] > '~')
            return false;
    return true;
}

static void write_hex(buffer_t *b, bytes_t octets)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < octets.len; i++) {
        write_u8(b, (uint8_t)digits[octets.data[i] >> 4]);
        write_u8(b, (uint8_t)digits[octets.data[i] & 15]);
    }
}

/* IDENTITY:ID as text; where that could be another's, in hex with a dot; and what is too long by its hash. No two of these
 * forms are alike. */
static void write_id(zmtp_session_t *s, bytes_t id, buffer_t *out)
{
    bytes_t identity = bytes_make(s->handshake.identity, s->handshake.identity_len);
    bool text = is_printable(identity) && is_printable(id) && !memchr(identity.data, ':', identity.len);
    if (text) {
        write_bytes(out, identity);
        write_u8(out, ':');
        write_bytes(out, id);
    } else {
        write_hex(out, identity);
        write_u8(out, '.');
        write_hex(out, id);
    }
    if (out->len <= UINT8_MAX)
        return;
    uint8_t digest[HASH_DIGEST_BYTES];
    hash_digest(buffer_bytes(out), digest);
    buffer_clear(out);
    write_hex(out, bytes_make(digest, sizeof digest));
}

/* The frames before the empty one, of a DEALER that has a name: what it publishes again by the same id it published
 * before. */
static bytes_t event_id(zmtp_session_t *s, size_t frames, buffer_t *out)
{
    const zmtp_gather_t *g = &s->gather;
    bool has_id = s->handshake.peer == ZMTP_SOCKET_DEALER && s->handshake.identity_len > 0 && frames > 1;
    uint64_t bytes = 0;
    if (!has_id)
        return BYTES("");
    for (size_t i = 0; i + 1 < frames; i++)
        bytes += g->lengths[i];
    write_id(s, bytes_make(g->octets.data, (size_t)bytes), out);
    return buffer_bytes(out);
}

/* ---- on a bus port ---- */

static void ask_event(zmtp_session_t *s, size_t frames)
{
    buffer_t id = {0};
    frames_envelope_t e = zmtp_envelope(s);
    e.message_id = event_id(s, frames, &id);
    zmtp_gather_message(s, &e, frames);
    s->gather.asked = asked_add(s, frames)->number;
    s->gather.intent = ZMTP_INTENT_ASK;
    buffer_free(&id);
}

void zmtp_asker_decide(zmtp_session_t *s)
{
    zmtp_gather_t *g = &s->gather;
    bool dealer = s->handshake.peer == ZMTP_SOCKET_DEALER;
    size_t frames = envelope_frames(g);
    if (is_probe(g))
        return;
    if (dealer && zmtp_is_join(g))
        g->intent = zmtp_join_allowed(s) ? ZMTP_INTENT_JOIN : ZMTP_INTENT_DROP;
    else if (dealer && s->handles && zmtp_is_answer(g))
        zmtp_answer_decide(s);
    else if (frames == 0)
        zmtp_publish_decide(s);
    else if (envelope_allowed(s, frames))
        ask_event(s, frames);
}

void zmtp_asker_finish(zmtp_session_t *s)
{
    switch (s->gather.intent) {
    case ZMTP_INTENT_JOIN:
        zmtp_join(s);
        break;
    case ZMTP_INTENT_ANSWER:
        zmtp_answer_finish(s);
        break;
    case ZMTP_INTENT_ASK:
        zmtp_push_message(s, COMMAND_ASKS, s->gather.asked);
        check_asked(s);
        break;
    default:
        zmtp_publish_finish(s);
    }
}

void zmtp_on_report(zmtp_session_t *s, event_t *e)
{
    zmtp_asked_t *a = asked_find(s, e->cause);
    if (!a) {
        zmtp_drop_loan(s);
        return;
    }
    zmtp_deliver_report(s, bytes_make(a->envelope, a->envelope_bytes), e->message);
    asked_remove(s, a);
    check_asked(s);
}

/* ---- on a queue port ---- */

/* Answers come into a queue of its own. */
void zmtp_caller_start(zmtp_session_t *s)
{
    zmtp_declare_queue(s);
    zmtp_generate_name(s, "amq.rpc-", s->queue, sizeof s->queue);
    zmtp_session_request(s,
                         (command_t){.type = COMMAND_QUEUE_DECLARE,
                                     .flags = COMMAND_EXCLUSIVE | COMMAND_SERVER_NAMED | COMMAND_NOWAIT},
                         &(request_t){.name = bytes_string(s->queue)});
    zmtp_consume(s, bytes_string(s->queue), CONSUMER, ZMTP_CAUSE_NONE, COMMAND_NO_ACK | COMMAND_NOWAIT);
}

void zmtp_caller_decide(zmtp_session_t *s)
{
    char number[16];
    zmtp_gather_t *g = &s->gather;
    size_t frames = envelope_frames(g);
    if (is_probe(g) || !envelope_allowed(s, frames))
        return;
    g->asked = asked_add(s, frames)->number;
    g->intent = ZMTP_INTENT_ASK;
    frames_envelope_t e = zmtp_envelope_to(s, bytes_string(s->bus->queue));
    e.reply_to = bytes_string(s->queue);
    e.correlation_id = bytes_make(number, text_format(number, sizeof number, "%u", g->asked));
    zmtp_gather_message(s, &e, frames);
}

void zmtp_caller_finish(zmtp_session_t *s)
{
    zmtp_push_message(s, COMMAND_MANDATORY, ZMTP_CAUSE_NONE);
    check_asked(s);
}

/* What nobody waits for is dropped, with the parts that follow it. */
void zmtp_caller_deliver(zmtp_session_t *s, event_t *e)
{
    bytes_t correlation;
    uint64_t number;
    zmtp_asked_t *a = NULL;
    if (properties_get(message_properties(e->message), PROPERTY_CORRELATION_ID, &correlation) &&
        text_parse_u64(correlation, &number) && number <= UINT32_MAX)
        a = asked_find(s, (uint32_t)number);
    if (!a) {
        zmtp_drop_loan(s);
        return;
    }
    zmtp_deliver(s, e, bytes_make(a->envelope, a->envelope_bytes), false);
    asked_remove(s, a);
    check_asked(s);
}
