/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.c: a session that lives from the accepted socket to its first octet. Then it makes the session of the wire, gives it
 * the transport and what was read, and is gone. Peers that say nothing cost this struct, and a log line never: they are
 * health checks. */
#include "daemon/wire.h"

#include "base/alloc.h"

#define ZMTP_FIRST_OCTET 0xff

typedef struct wire_session {
    session_t session; /* first: a session_t * is a wire_session_t * */
    transport_t *transport;
    wire_door_t door;
    bool over; /* closed by us; `ended` follows */
} wire_session_t;

static void finish(wire_session_t *w)
{
    w->over = true;
    w->transport->kind->close(w->transport, 0);
}

static size_t wire_input(session_t *base, bytes_t octets)
{
    wire_session_t *w = (wire_session_t *)(void *)base;
    transport_t *t = w->transport;
    const wire_t *wire = w->door.wire;
    if (octets.len == 0 || w->over)
        return octets.len;
    session_t *next = octets.data[0] == ZMTP_FIRST_OCTET ? zmtp_session_accepted(wire->zmtp, w->door.bus, t)
                                                         : wire->amqp.open(wire->amqp.context, t);
    if (!next) {
        finish(w);
        return octets.len;
    }
    t->session = next;
    mem_free(w);
    return next->kind->input(next, octets);
}

static void wire_drained(session_t *base)
{
    (void)base; /* it writes nothing */
}

static void wire_deadline(session_t *base)
{
    finish((wire_session_t *)(void *)base);
}

static void wire_ended(session_t *base, const char *reason)
{
    (void)reason;
    mem_free((wire_session_t *)(void *)base);
}

static void wire_shutdown(session_t *base)
{
    finish((wire_session_t *)(void *)base);
}

static const session_kind_t wire_kind = {
    .input = wire_input,
    .drained = wire_drained,
    .deadline = wire_deadline,
    .ended = wire_ended,
    .shutdown = wire_shutdown,
};

static session_t *wire_open(void *context, transport_t *t)
{
    const wire_door_t *door = context;
    wire_session_t *w = MEM_NEW(wire_session_t);
    *w = (wire_session_t){.session.kind = &wire_kind, .transport = t, .door = *door};
    t->kind->set_deadline(t, t->since_ms + door->wire->silence_ms);
    return &w->session;
}

session_factory_t wire_factory(wire_door_t *door)
{
    return (session_factory_t){.open = wire_open, .context = door};
}
