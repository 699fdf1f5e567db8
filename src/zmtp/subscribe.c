/* SPDX-License-Identifier: Apache-2.0
 *
 * subscribe.c: SUB, XSUB and PULL: who is sent messages and answers none.
 *
 * On a bus port a SUB has a subscriber's queue, gone with it, and the engine keeps its prefixes. On a queue port the port
 * names the subscription: the prefixes are the queue's, and stay when the peer goes. What is given out there is acked when
 * its octets have left for the kernel; what has not goes back to its place. */
#include "base/table.h"
#include "zmtp/session_internal.h"

#define CONSUMER 1

/* ---- what they begin with ---- */

static const char *overflow_name(zmtp_slow_t slow)
{
    static const char *const names[] = {
        [ZMTP_DROP_NEWEST] = "drop-newest",
        [ZMTP_DROP_OLDEST] = "drop-oldest",
        [ZMTP_BLOCK] = "block",
        [ZMTP_DISCONNECT] = "disconnect",
    };
    return names[slow];
}

static void welcome(zmtp_session_t *s)
{
    if (s->bus->welcome)
        zmtp_send_frame(s, 0, bytes_string(s->bus->welcome), false);
}

void zmtp_subscriber_start(zmtp_session_t *s)
{
    buffer_t bounds = {0};
    table_put_long(&bounds, "x-max-length", (int64_t)s->bus->high_messages);
    table_put_long(&bounds, "x-max-length-bytes", (int64_t)s->bus->high_bytes);
    table_put_string(&bounds, "x-overflow", bytes_string(overflow_name(s->bus->slow)));
    zmtp_generate_name(s, "amq.sub-", s->queue, sizeof s->queue);
    zmtp_session_request(s,
                         (command_t){.type = COMMAND_SUBSCRIBER,
                                     .flags = COMMAND_SERVER_NAMED | COMMAND_NO_ACK,
                                     .count = CONSUMER},
                         &(request_t){.name = bytes_string(s->queue), .arguments = buffer_bytes(&bounds)});
    buffer_free(&bounds);
    welcome(s);
}

/* A loan's mark for each message: what has left is acked, no less. */
void zmtp_puller_start(zmtp_session_t *s)
{
    s->loans.step_bytes = 0;
    s->transport->kind->bound_unsent(s->transport);
    zmtp_declare_queue(s);
    zmtp_set_credit(s, s->io->options.push_messages);
    zmtp_consume(s, bytes_string(s->bus->queue), CONSUMER, ZMTP_CAUSE_NONE, 0);
    if (s->role == ZMTP_ROLE_DURABLE)
        welcome(s);
}

/* ---- subscriptions ---- */

static void push_prefix(zmtp_session_t *s, command_type_t type, bytes_t prefix)
{
    zmtp_session_request(s, (command_t){.type = (uint8_t)type, .flags = COMMAND_NOWAIT},
                         &(request_t){.name = bytes_string(s->queue),
                                      .source = bytes_string(s->bus->exchange),
                                      .routing_key = prefix});
}

static uint64_t prefix_bytes_most(const zmtp_session_t *s)
{
    uint32_t most = s->io->options.prefix_bytes_most;
    return s->role == ZMTP_ROLE_DURABLE && most > UINT8_MAX ? UINT8_MAX : most;
}

static bool may_subscribe(zmtp_session_t *s, bytes_t prefix)
{
    if (prefix.len > prefix_bytes_most(s))
        zmtp_session_fail(s, "a subscription of %zu octets, more than %llu", prefix.len,
                          (unsigned long long)prefix_bytes_most(s));
    return s->state != ZMTP_STATE_DONE && zmtp_prefixes_allowed(s);
}

/* What a durable queue is bound to may be older than this connection: a CANCEL of it is always carried out. */
void zmtp_on_subscription(zmtp_session_t *s, const zmtp_subscription_t *what)
{
    bool durable = s->role == ZMTP_ROLE_DURABLE;
    if (!durable && s->role != ZMTP_ROLE_SUBSCRIBER)
        return;
    bool changed =
        what->subscribe ? zmtp_prefix_add(s, 0, what->prefix) : zmtp_prefix_remove(s, 0, what->prefix);
    if (!may_subscribe(s, what->prefix))
        return;
    if (durable && (changed || !what->subscribe))
        zmtp_push_binding(s, what->subscribe ? COMMAND_QUEUE_BIND : COMMAND_QUEUE_UNBIND,
                          bytes_string(s->bus->queue), what->prefix);
    else if (changed)
        push_prefix(s, what->subscribe ? COMMAND_SUBSCRIBE : COMMAND_UNSUBSCRIBE, what->prefix);
}

/* A subscription is a message of one frame, and comes whole unless it is too long; what else an XSUB sends upstream is
 * for publishers, which are not here. */
void zmtp_listen_piece(zmtp_session_t *s, const zmtp_piece_t *piece)
{
    zmtp_subscription_t what;
    bool subscribes = s->role == ZMTP_ROLE_SUBSCRIBER || s->role == ZMTP_ROLE_DURABLE;
    bool only = piece->first && !s->in_message && !(piece->flags & ZMTP_MORE);
    if (piece->last)
        s->in_message = piece->flags & ZMTP_MORE;
    if (!subscribes || !only || !zmtp_subscription_of_message(piece->octets, &what))
        return;
    if (piece->last)
        zmtp_on_subscription(s, &what);
    else
        zmtp_session_fail(s, "a subscription of %llu octets, more than %llu",
                          (unsigned long long)piece->frame_bytes - 1,
                          (unsigned long long)prefix_bytes_most(s));
}

/* ---- messages ---- */

void zmtp_subscriber_deliver(zmtp_session_t *s, event_t *e)
{
    zmtp_deliver(s, e, BYTES(""), zmtp_has_topic(e->message));
}
