/* SPDX-License-Identifier: Apache-2.0
 *
 * io.c: what the ZMTP sessions of one I/O thread share: options, the port, scratch buffers, and the list of those that
 * wait for room in the command ring. */
#include <assert.h>

#include "base/alloc.h"
#include "zmtp/session_internal.h"

/* A frame makes at most three commands (a handler's first join), and a report of held octets. */
#define ROOM_WANTED 4

void zmtp_options_default(zmtp_options_t *options)
{
    *options = (zmtp_options_t){
        .frame_bytes_most = 64u << 20,
        .frames_most = 1024,
        .command_bytes_most = 16u << 10,
        .prefix_bytes_most = 4u << 10,
        .subscriptions_most = 1000000,
        .handshakes_most = 1000,
        .handshake_timeout_ms = 10000,
        .heartbeat_ms = 30000,
        .lend_bytes = 4096,
        .push_messages = 100,
    };
}

zmtp_io_t *zmtp_io_new(const zmtp_options_t *options, port_t *port)
{
    assert(options->auth && options->log && options->random.fill && options->clock.wall_ms);
    zmtp_io_t *io = MEM_NEW(zmtp_io_t);
    io->options = *options;
    io->port = port;
    /* A ring smaller than ROOM_WANTED never has that much room: then an empty one must do. */
    size_t room = port_room(port);
    io->room_wanted = room < ROOM_WANTED ? (room > 0 ? room : 1) : ROOM_WANTED;
    list_init(&io->stalled);
    return io;
}

void zmtp_io_free(zmtp_io_t **io)
{
    if (!*io)
        return;
    assert((*io)->sessions_count == 0);
    buffer_free(&(*io)->scratch);
    buffer_free(&(*io)->sealed);
    buffer_free(&(*io)->opened);
    mem_free(*io);
    *io = NULL;
}

void zmtp_io_resume(zmtp_io_t *io)
{
    if (list_empty(&io->stalled) || port_room(io->port) < io->room_wanted)
        return;
    /* They may stall again while this goes on: each has one turn. */
    list_t waiting;
    list_init(&waiting);
    list_splice(&waiting, &io->stalled);
    for (list_t *node = list_first(&waiting); node; node = list_first(&waiting)) {
        list_remove(node);
        zmtp_session_resume(LIST_OF(node, zmtp_session_t, stalled), ZMTP_PAUSE_PORT);
    }
}

size_t zmtp_io_sessions(const zmtp_io_t *io)
{
    return io->sessions_count;
}
