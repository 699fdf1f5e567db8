/* SPDX-License-Identifier: Apache-2.0
 *
 * answer.c: handlers (DEALER on a bus port) and workers (REP, ROUTER on a queue port): what they are given, and what they
 * say to it.
 *
 *   to it      [SEQ/TAG][""][topic][payload..]     the topic of what came through an exchange
 *   from it    [SEQ/TAG][""][result..]             done; without a result frame: done, and nothing to say
 *              [SEQ/TAG][""][""][reason]           failed
 *
 * The first frame is an id that is opaque to a REP's application, which never sees it. Who waits for an answer (an event's
 * sequencer, or the reply-to of a request) is told before the delivery is acked. A peer that goes without an answer has
 * done nothing: the engine gives it to the next. */
#include "base/alloc.h"
#include "base/properties.h"
#include "base/text.h"
#include "zmtp/session_internal.h"

#define CONSUMER      1
#define ID_MOST_BYTES 42 /* two numbers of 20 digits, a slash, and a NUL */
#define RESULT_AT     2

static bytes_t tag_of(const hash_node_t *node)
{
    const zmtp_given_t *g = HASH_OF(node, const zmtp_given_t, node);
    return bytes_make(&g->tag, sizeof g->tag);
}

void zmtp_given_init(zmtp_session_t *s)
{
    hash_init(&s->given, tag_of);
}

static void given_remove(zmtp_session_t *s, zmtp_given_t *given)
{
    hash_remove(&s->given, &given->node);
    mem_free(given);
}

void zmtp_given_free(zmtp_session_t *s)
{
    for (hash_node_t *node; (node = hash_any(&s->given));)
        given_remove(s, HASH_OF(node, zmtp_given_t, node));
    hash_deinit(&s->given);
}

/* ---- to it ---- */

void zmtp_worker_start(zmtp_session_t *s)
{
    zmtp_declare_queue(s);
    zmtp_set_credit(s, s->handshake.peer == ZMTP_SOCKET_REP ? 1 : s->bus->credit);
    zmtp_consume(s, bytes_string(s->bus->queue), CONSUMER, ZMTP_CAUSE_NONE, COMMAND_NOWAIT);
}

/* An event's publisher is told by the engine; its own reply-to does not count. */
static void given_add(zmtp_session_t *s, const event_t *e)
{
    bytes_t properties = message_properties(e->message), reply_to = {0}, correlation = {0};
    bool asks = e->flags & EVENT_ASKS;
    if (!asks && e->message->seq == 0 && properties_get(properties, PROPERTY_REPLY_TO, &reply_to))
        (void)properties_get(properties, PROPERTY_CORRELATION_ID, &correlation);
    zmtp_given_t *given = mem_alloc(sizeof *given + reply_to.len + correlation.len);
    given->tag = e->delivery_tag;
    given->seq = e->message->seq;
    given->asks = asks;
    given->reply_to_len = (uint8_t)reply_to.len;
    given->correlation_len = (uint8_t)correlation.len;
    (void)put_bytes(put_bytes(given->octets, reply_to), correlation);
    hash_insert(&s->given, &given->node);
}

void zmtp_give(zmtp_session_t *s, event_t *e)
{
    char id[ID_MOST_BYTES];
    uint8_t head[ID_MOST_BYTES + 2 * 2];
    size_t len = text_decimal(id, e->message->seq);
    id[len++] = '/';
    len += text_decimal(id + len, e->delivery_tag);
    uint8_t *at = put_bytes(zmtp_put_frame_head(head, ZMTP_MORE, len), bytes_make(id, len));
    at = zmtp_put_frame_head(at, ZMTP_MORE, 0);
    given_add(s, e);
    zmtp_deliver(s, e, bytes_make(head, (size_t)(at - head)), zmtp_has_topic(e->message));
}

/* ---- from it ---- */

static bool parse_id(bytes_t frame, uint64_t *seq, uint64_t *tag)
{
    const uint8_t *slash =
        frame.len > 0 && frame.len < ID_MOST_BYTES ? memchr(frame.data, '/', frame.len) : NULL;
    if (!slash)
        return false;
    size_t before = (size_t)(slash - frame.data);
    return text_parse_u64(bytes_make(frame.data, before), seq) &&
           text_parse_u64(bytes_make(slash + 1, frame.len - before - 1), tag);
}

bool zmtp_is_answer(const zmtp_gather_t *g)
{
    uint64_t seq, tag;
    return g->count >= RESULT_AT && g->lengths[1] == 0 && parse_id(zmtp_gather_frame(g, 0), &seq, &tag);
}

static zmtp_given_t *given_find(const zmtp_session_t *s, uint64_t tag)
{
    hash_node_t *node = hash_find(&s->given, bytes_make(&tag, sizeof tag));
    return node ? HASH_OF(node, zmtp_given_t, node) : NULL;
}

static zmtp_given_t *given_of_frame(const zmtp_session_t *s, bytes_t frame)
{
    uint64_t seq, tag;
    zmtp_given_t *given = parse_id(frame, &seq, &tag) ? given_find(s, tag) : NULL;
    return given && given->seq == seq ? given : NULL;
}

/* To whom a result goes; an empty key: nobody waits for it. Of a failure only an event's publisher is told. */
static frames_envelope_t reply_envelope(const zmtp_session_t *s, const zmtp_given_t *given, bool failed,
                                        char scratch[EVENT_CORRELATION_MOST_BYTES])
{
    bytes_t reply_to = bytes_make(given->octets, given->reply_to_len);
    if (!given->asks) {
        frames_envelope_t e = zmtp_envelope_to(s, failed ? BYTES("") : reply_to);
        e.correlation_id = bytes_make(given->octets + reply_to.len, given->correlation_len);
        return e;
    }
    event_t delivery = {.channel = ZMTP_CHANNEL, .delivery_tag = given->tag};
    frames_envelope_t e = zmtp_envelope_to(s, EVENT_REPLY_TO);
    e.correlation_id = bytes_make(scratch, event_correlation(&delivery, scratch));
    return e;
}

void zmtp_answer_decide(zmtp_session_t *s)
{
    zmtp_gather_t *g = &s->gather;
    char correlation[EVENT_CORRELATION_MOST_BYTES];
    zmtp_given_t *given = zmtp_is_answer(g) ? given_of_frame(s, zmtp_gather_frame(g, 0)) : NULL;
    if (!given) {
        zmtp_session_log(s, LOG_DEBUG, "a message that answers nothing it was given is dropped");
        return;
    }
    g->intent = ZMTP_INTENT_ANSWER;
    g->tag = given->tag;
    g->failed = g->count == RESULT_AT + 2 && g->lengths[RESULT_AT] == 0;
    size_t first = RESULT_AT + (g->failed ? 1 : 0);
    frames_envelope_t e = reply_envelope(s, given, g->failed, correlation);
    if (g->count > first && e.routing_key.len > 0)
        zmtp_gather_message(s, &e, first);
}

void zmtp_answer_finish(zmtp_session_t *s)
{
    zmtp_gather_t *g = &s->gather;
    if (g->message)
        zmtp_push_message(s, 0, ZMTP_CAUSE_NONE);
    zmtp_session_push(s, (command_t){.type = g->failed ? COMMAND_NACK : COMMAND_ACK, .number = g->tag});
    zmtp_given_t *given = given_find(s, g->tag);
    if (given)
        given_remove(s, given);
}
