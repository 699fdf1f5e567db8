/* SPDX-License-Identifier: Apache-2.0
 *
 * link.c: net/'s connection over two buffers. `up` holds what the client sent and the session has not consumed: its
 * first `arrived` octets are at the server, the others still on their way. */
#include "sim/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

typedef enum link_state { LINK_OPEN, LINK_CLOSING, LINK_LINGERING, LINK_DEAD, LINK_OVER } link_state_t;

struct link {
    transport_t transport; /* first: a transport_t * is a link_t * */
    link_options_t options;
    buffer_t up, down;
    size_t arrived;
    uint64_t deadline_ms, heard_ms;
    const char *reason;
    link_state_t state;
    bool up_ended, down_ended; /* shut, behind what is in the buffer */
    bool reading, paused;
    bool resumed; /* what was not consumed is to be given again */
    bool deaf;    /* the client does not receive any more */
    bool broken;  /* seen by the server also when it does not read */
};

static const transport_kind_t link_kind;

static link_t *link_of(transport_t *t)
{
    return (link_t *)(void *)t;
}

link_t *link_new(const session_factory_t *factory, const link_options_t *options)
{
    link_t *l = MEM_NEW(link_t);
    l->transport = (transport_t){
        .kind = &link_kind, .output = output_new(), .loopback = true, .since_ms = *options->now_ms};
    text_format(l->transport.peer, sizeof l->transport.peer, "127.0.0.1:4");
    text_format(l->transport.local, sizeof l->transport.local, "127.0.0.1:5672");
    l->options = *options;
    l->reading = true;
    l->transport.session = factory->open(factory->context, &l->transport);
    return l;
}

void link_free(link_t **l)
{
    assert((*l)->state == LINK_OVER);
    output_free(&(*l)->transport.output);
    buffer_free(&(*l)->up);
    buffer_free(&(*l)->down);
    mem_free(*l);
    *l = NULL;
}

/* ---- the client's end ---- */

void link_send(link_t *l, bytes_t octets)
{
    if (!l->up_ended && l->state < LINK_DEAD)
        write_bytes(&l->up, octets);
}

size_t link_unsent(const link_t *l)
{
    return l->up.len;
}

size_t link_receive(link_t *l, size_t most, buffer_t *out)
{
    size_t len = l->down.len < most ? l->down.len : most;
    write_bytes(out, bytes_make(l->down.data, len));
    buffer_consume(&l->down, len);
    return len;
}

bool link_at_end(const link_t *l)
{
    return l->down_ended && l->down.len == 0;
}

void link_shut(link_t *l)
{
    l->up_ended = true;
}

void link_break(link_t *l, size_t kept)
{
    l->up_ended = l->down_ended = l->deaf = l->broken = true;
    if (l->arrived + kept < l->up.len)
        l->up.len = l->arrived + kept;
    buffer_clear(&l->down);
}

/* ---- the end of it ---- */

static void end(link_t *l, const char *reason)
{
    l->state = LINK_DEAD;
    l->reason = reason;
    l->down_ended = true;
    l->deadline_ms = 0;
}

/* `ended` is called where no session is on the stack. */
static void reap(link_t *l)
{
    session_t *s = l->transport.session;
    if (l->state != LINK_DEAD)
        return;
    l->state = LINK_OVER;
    output_drop(l->transport.output);
    s->kind->ended(s, l->reason);
}

void link_end(link_t *l)
{
    if (l->state < LINK_DEAD)
        end(l, "shutdown");
    reap(l);
}

bool link_is_over(const link_t *l)
{
    return l->state == LINK_OVER;
}

bool link_is_open(const link_t *l)
{
    return l->state == LINK_OPEN;
}

/* ---- from the client to the session ---- */

static bool wants_input(const link_t *l)
{
    return l->state == LINK_OPEN ? l->reading && !l->paused : l->state < LINK_DEAD;
}

/* In a block of exactly this size: sanitizers see a read past its end. */
static void give(link_t *l)
{
    session_t *s = l->transport.session;
    uint8_t *block = malloc(l->arrived);
    assert(block);
    memcpy(block, l->up.data, l->arrived);
    size_t used = s->kind->input(s, bytes_make(block, l->arrived));
    free(block);
    assert(used <= l->arrived);
    buffer_consume(&l->up, used);
    l->arrived -= used;
    l->heard_ms = *l->options.now_ms;
}

static void take(link_t *l, size_t most)
{
    size_t coming = l->up.len - l->arrived;
    size_t len = coming < most ? coming : most;
    if (l->resumed && l->state == LINK_OPEN && wants_input(l)) {
        l->resumed = false;
        if (l->arrived > 0)
            give(l);
    }
    if (!wants_input(l)) {
        if (l->broken)
            end(l, "connection reset by peer");
        return;
    }
    if (l->state != LINK_OPEN) { /* nobody wants it any more */
        buffer_clear(&l->up);
        l->arrived = 0;
        if (l->up_ended && l->state == LINK_LINGERING)
            end(l, "closed");
    } else if (len > 0) {
        l->arrived += len;
        give(l);
    } else if (l->up_ended && coming == 0) {
        end(l, "closed by peer");
    }
}

/* ---- from the session to the client ---- */

static void send_some(link_t *l, size_t most)
{
    output_t *o = l->transport.output;
    output_piece_t piece;
    size_t sent = 0;
    while (sent < most && output_gather(o, &piece, 1) == 1) {
        size_t len = piece.len < most - sent ? piece.len : most - sent;
        if (!l->deaf)
            write_bytes(&l->down, bytes_make(piece.data, len));
        output_drain(o, len);
        sent += len;
    }
    if (sent > 0)
        l->transport.session->kind->drained(l->transport.session);
}

static size_t room(const link_t *l)
{
    return l->down.len < l->options.pipe_bytes ? l->options.pipe_bytes - l->down.len : 0;
}

size_t link_on_its_way(const link_t *l)
{
    return l->down.len;
}

uint64_t link_bounded(const link_t *l)
{
    return l->transport.bounded_bytes;
}

/* Without what the session bounds by itself. */
static uint64_t waiting(const link_t *l)
{
    uint64_t all = output_waiting(l->transport.output), bounded = l->transport.bounded_bytes;
    return all > bounded ? all - bounded : 0;
}

static void update_pause(link_t *l)
{
    uint64_t bytes = waiting(l), most = l->options.output_pause_bytes;
    if (bytes > most)
        l->paused = true;
    else if (bytes <= most / 2)
        l->paused = false;
}

static void finish_closing(link_t *l)
{
    if (output_waiting(l->transport.output) > 0)
        return;
    l->down_ended = true;
    l->state = LINK_LINGERING;
}

/* ---- the loop ---- */

static bool is_late(const link_t *l)
{
    return l->deadline_ms != 0 && l->deadline_ms <= *l->options.now_ms;
}

static void look_at_clock(link_t *l)
{
    if (!is_late(l) || l->state >= LINK_DEAD)
        return;
    l->deadline_ms = 0;
    if (l->state == LINK_OPEN)
        l->transport.session->kind->deadline(l->transport.session);
    else
        end(l, "closed");
}

void link_turn(link_t *l, size_t in, size_t out)
{
    if (l->state < LINK_DEAD)
        take(l, in);
    look_at_clock(l);
    if (l->state < LINK_LINGERING)
        send_some(l, room(l) < out ? room(l) : out);
    if (l->state == LINK_CLOSING)
        finish_closing(l);
    update_pause(l);
    reap(l);
}

static bool has_input(const link_t *l)
{
    if (!wants_input(l))
        return l->broken;
    bool again = l->arrived > 0 && (l->resumed || l->state != LINK_OPEN);
    return again || l->up.len > l->arrived || l->up_ended;
}

bool link_is_due(const link_t *l)
{
    if (l->state >= LINK_DEAD)
        return l->state == LINK_DEAD;
    bool waits = l->state < LINK_LINGERING && output_waiting(l->transport.output) > 0;
    return is_late(l) || has_input(l) || (waits && room(l) > 0) || (l->state == LINK_CLOSING && !waits);
}

void link_flush_all(link_t *l)
{
    if (l->state < LINK_LINGERING)
        send_some(l, SIZE_MAX);
}

uint64_t link_heard_ms(const link_t *l)
{
    return l->heard_ms;
}

/* ---- what the session asks ---- */

/* Looked for in each turn. */
static void link_flush(transport_t *t)
{
    link_t *l = link_of(t);
    if (l->state >= LINK_LINGERING)
        output_drop(t->output);
}

static void link_close(transport_t *t, uint64_t linger_ms)
{
    link_t *l = link_of(t);
    uint64_t end_ms = *l->options.now_ms + linger_ms;
    if (l->state == LINK_OPEN || (l->state < LINK_DEAD && end_ms < l->deadline_ms))
        l->deadline_ms = end_ms;
    if (l->state == LINK_OPEN)
        l->state = LINK_CLOSING;
}

static void link_set_deadline(transport_t *t, uint64_t at_ms)
{
    if (link_of(t)->state == LINK_OPEN)
        link_of(t)->deadline_ms = at_ms;
}

static void link_set_reading(transport_t *t, bool on)
{
    link_t *l = link_of(t);
    l->reading = on;
    l->resumed = on;
}

/* No kernel stands between. */
static void link_bound_unsent(transport_t *t)
{
    (void)t;
}

static uint64_t link_now_ms(const transport_t *t)
{
    return *((const link_t *)(const void *)t)->options.now_ms;
}

static const transport_kind_t link_kind = {
    .flush = link_flush,
    .close = link_close,
    .set_deadline = link_set_deadline,
    .set_reading = link_set_reading,
    .bound_unsent = link_bound_unsent,
    .now_ms = link_now_ms,
};
