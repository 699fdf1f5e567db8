/* SPDX-License-Identifier: Apache-2.0
 *
 * connection.c: a client's connection: how it comes, what it holds, how it goes.
 *
 * It goes in three steps: COMMAND_CONNECTION_CLOSE starts a job that ends channels and removes exclusive
 * queues; then EVENT_CONNECTION_CLOSED is its last event; COMMAND_CONNECTION_RELEASE says that the wire room
 * holds no loan any more, and frees it. */
#include "engine/engine_internal.h"

static bytes_t number_of_channel(const hash_node_t *node)
{
    const channel_t *ch = HASH_OF(node, const channel_t, node);
    return bytes_make(&ch->number, sizeof ch->number);
}

connection_t *connection_find(engine_port_t *p, uint32_t number)
{
    return number < p->capacity ? p->connections[number] : NULL;
}

channel_t *channel_find(connection_t *c, uint16_t number)
{
    if (c->last_channel && c->last_channel->number == number)
        return c->last_channel;
    hash_node_t *node = hash_find(&c->channels, bytes_make(&number, sizeof number));
    if (node)
        c->last_channel = HASH_OF(node, channel_t, node);
    return node ? c->last_channel : NULL;
}

static connection_t *connection_new(engine_t *e, engine_port_t *p, uint32_t number, opening_t *opening)
{
    if (number >= p->capacity) {
        uint32_t capacity = p->capacity ? p->capacity : 16;
        while (capacity <= number)
            capacity *= 2;
        p->connections = mem_resize(p->connections, capacity * sizeof(connection_t *));
        memset(p->connections + p->capacity, 0, (capacity - p->capacity) * sizeof(connection_t *));
        p->capacity = capacity;
    }
    assert(p->connections[number] == NULL);
    connection_t *c = MEM_NEW(connection_t);
    c->engine = e;
    c->port = p;
    c->number = number;
    c->opening = opening;
    c->vhost = e->vhost;
    hash_init(&c->channels, number_of_channel);
    list_init(&c->exclusive_queues);
    list_init(&c->stalled);
    list_init(&c->streams);
    list_init(&c->blocked_link);
    job_init(&c->closing);
    list_append(&e->connections, &c->link);
    p->connections[number] = c;
    e->counts.connections++;
    return c;
}

void connection_shutdown(connection_t *c)
{
    connection_close(
        c,
        refusal_new(REFUSAL_CONNECTION_FORCED, 0, "broker forced connection closure with reason 'shutdown'"),
        true);
}

bytes_t connection_identity(const hash_node_t *node)
{
    return HASH_OF(node, const connection_t, by_identity)->opening->identity;
}

/* The newer wins: a peer that has come back after its network went must not be kept out by what is left of it. */
static void take_identity(connection_t *c)
{
    engine_t *e = c->engine;
    if (c->opening->identity.len == 0)
        return;
    hash_node_t *node = hash_find(&e->identities, c->opening->identity);
    if (node)
        connection_close(HASH_OF(node, connection_t, by_identity),
                         refusal_new(REFUSAL_CONNECTION_FORCED, 0,
                                     "%.*s is the newer connection of its identity",
                                     TEXT_ARG(c->opening->name)),
                         true);
    hash_insert(&e->identities, &c->by_identity);
}

static void leave_identity(connection_t *c)
{
    if (c->opening->identity.len > 0)
        hash_remove(&c->engine->identities, &c->by_identity);
}

void connection_open(engine_t *e, engine_port_t *p, command_t *cmd)
{
    connection_t *c = connection_new(e, p, cmd->connection, cmd->opening);
    cmd->opening = NULL;
    take_identity(c);
    if (e->shutting_down)
        connection_shutdown(c);
    else if (!bytes_equal(c->opening->vhost, e->vhost->name))
        connection_close(
            c,
            refusal_new(REFUSAL_NOT_ALLOWED, cmd->cause, "vhost %.*s not found", TEXT_ARG(c->opening->vhost)),
            true);
    else
        emit(c, &(event_t){.type = EVENT_CONNECTION_OPENED, .cause = cmd->cause});
}

/* ---- going ---- */

/* What a channel waits for goes on without it. False while a settling, which was asked for, is still running.
 */
static bool detach(channel_t *ch)
{
    channel_drop_parked(ch);
    if (job_running(&ch->settling))
        return false;
    channel_stop_waiting(ch);
    return true;
}

static uint32_t closing_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    connection_t *c = LIST_OF(job, connection_t, closing);
    uint32_t used = 0;
    hash_node_t *node;
    list_t *owned;
    *done = false;
    while ((node = hash_any(&c->channels))) {
        channel_t *ch = HASH_OF(node, channel_t, node);
        if (ch->executing || !detach(ch) || !channel_wind_up(ch, budget, &used) || used >= budget)
            return used;
        channel_free(ch);
        used++;
    }
    for (; used < budget && (owned = list_first(&c->exclusive_queues)); used++)
        queue_remove(LIST_OF(owned, queue_t, owned), NULL, NULL);
    if (!list_empty(&c->exclusive_queues) || c->queues_leaving > 0)
        return used;
    list_remove(&c->blocked_link);
    event_t closed = {.type = EVENT_CONNECTION_CLOSED, .refusal = c->why};
    c->why = NULL;
    emit(c, &closed);
    c->state = CONNECTION_CLOSED;
    e->counts.connections--;
    *done = true;
    return used;
}

static bool anything_parked(connection_t *c)
{
    for (hash_node_t *n = hash_next(&c->channels, NULL); n; n = hash_next(&c->channels, n))
        if (channel_is_parked(HASH_OF(n, channel_t, node)))
            return true;
    return false;
}

/* What is in exclusive queues nobody else can have. */
static void leave_queues(connection_t *c)
{
    if (c->leaving)
        return;
    c->leaving = true;
    LIST_EACH (node, &c->exclusive_queues)
        queue_purge(LIST_OF(node, queue_t, owned), NULL, NULL);
}

/* Nobody acks any more what a connection that waits to end was given: it goes back now. Held until the publishes that
 * the alarm holds back are done, it could be what keeps the alarm on. */
static void leave_channels(connection_t *c)
{
    c->close_pending = false; /* a channel that is done with it does not look whether all are */
    for (hash_node_t *n = hash_next(&c->channels, NULL), *next; n; n = next) {
        next = hash_next(&c->channels, n);
        channel_leave(HASH_OF(n, channel_t, node));
    }
    c->close_pending = true;
}

void connection_close(connection_t *c, refusal_t *why, bool drop)
{
    if (c->state != CONNECTION_OPEN) {
        mem_free(why);
        return;
    }
    if (!drop && anything_parked(c)) {
        leave_queues(c);
        leave_channels(c);
        if (anything_parked(c))
            return;
    }
    leave_identity(c);
    c->why = why;
    c->state = CONNECTION_CLOSING;
    job_start(c->engine, &c->closing, closing_step, NULL, NULL);
}

void connection_check_pending(connection_t *c)
{
    if (c->close_pending && c->state == CONNECTION_OPEN)
        connection_close(c, NULL, false);
}

void connection_release(connection_t *c)
{
    assert(c->state == CONNECTION_CLOSED && !job_running(&c->closing));
    loans_return(c, UINT64_MAX);
    mem_free(c->loans);
    hash_deinit(&c->channels);
    list_remove(&c->link);
    c->port->connections[c->number] = NULL;
    mem_free(c->opening);
    mem_free(c);
}

/* ---- reading ---- */

/* Paused past either limit, resumed below half of both. Unfinished bodies count while publishes are held
 * back. */
void connection_check_reading(connection_t *c)
{
    const engine_options_t *o = &c->engine->options;
    if (c->state != CONNECTION_OPEN)
        return;
    uint64_t held = c->held_bytes + (list_linked(&c->blocked_link) ? c->unfinished_bytes : 0);
    if (!c->reading_paused && (c->parked_count > o->parked_commands || held > o->held_bytes)) {
        c->reading_paused = true;
        emit(c, &(event_t){.type = EVENT_READING_PAUSED});
    } else if (c->reading_paused && c->parked_count <= o->parked_commands / 2 && held <= o->held_bytes / 2) {
        c->reading_paused = false;
        emit(c, &(event_t){.type = EVENT_READING_RESUMED});
    }
}
