/* SPDX-License-Identifier: Apache-2.0
 *
 * io.c: what the AMQP sessions of one I/O thread share: options, the port, a scratch buffer, and the list of
 * those that wait for room in the command ring. */
#include <assert.h>

#include "amqp/session_internal.h"
#include "base/alloc.h"

/* A frame, or as much of a body as is taken at once, makes at most a publish or a part of one, and a report of held
 * octets; with these free a session need not look again. */
#define ROOM_WANTED 4

void amqp_options_default(amqp_options_t *options)
{
    *options = (amqp_options_t){
        .product = "chaski",
        .version = "0.1.0",
        .cluster_name = "chaski",
        .heartbeat_s = 60,
        .channel_max = 2047,
        .frame_max = 131072,
        .initial_frame_max = 8192,
        .handshake_timeout_ms = 10000,
        .max_message_size = 128ull << 20,
        .refused_login_delay_ms = 3000,
        .close_timeout_ms = 30000,
        .lend_bytes = 4096,
        .part_bytes = 256u << 10,
    };
}

amqp_io_t *amqp_io_new(const amqp_options_t *options, port_t *port)
{
    assert(options->auth && options->log && options->random.fill);
    amqp_io_t *io = MEM_NEW(amqp_io_t);
    io->options = *options;
    io->port = port;
    /* A ring smaller than ROOM_WANTED never has that much room: then an empty one must do. */
    size_t room = port_room(port);
    io->room_wanted = room < ROOM_WANTED ? (room > 0 ? room : 1) : ROOM_WANTED;
    list_init(&io->stalled);
    buffer_init(&io->scratch, 0);
    buffer_init(&io->server_properties, 0);
    amqp_server_properties_write(&io->server_properties, &io->options);
    return io;
}

void amqp_io_free(amqp_io_t **io)
{
    if (!*io)
        return;
    assert((*io)->sessions_count == 0);
    buffer_free(&(*io)->scratch);
    buffer_free(&(*io)->headers);
    buffer_free(&(*io)->properties);
    buffer_free(&(*io)->server_properties);
    mem_free(*io);
    *io = NULL;
}

static session_t *factory_open(void *context, transport_t *t)
{
    return amqp_session_new(context, t);
}

session_factory_t amqp_io_factory(amqp_io_t *io)
{
    return (session_factory_t){.open = factory_open, .context = io};
}

void amqp_io_resume(amqp_io_t *io)
{
    if (list_empty(&io->stalled) || port_room(io->port) < io->room_wanted)
        return;
    /* They may stall again while this goes on: each has one turn. */
    list_t waiting;
    list_init(&waiting);
    list_splice(&waiting, &io->stalled);
    for (list_t *node = list_first(&waiting); node; node = list_first(&waiting)) {
        list_remove(node);
        amqp_session_resume(LIST_OF(node, amqp_session_t, stalled), AMQP_PAUSE_PORT);
    }
}

size_t amqp_io_sessions(const amqp_io_t *io)
{
    return io->sessions_count;
}
