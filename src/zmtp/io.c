/* SPDX-License-Identifier: Apache-2.0
 *
 * io.c: what the ZMTP sessions of one I/O thread share: options, the port, a scratch buffer. */
#include <assert.h>

#include "base/alloc.h"
#include "zmtp/mechanism.h"

struct zmtp_io {
    zmtp_options_t options;
    port_t *port;
    size_t sessions_count;
};

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
        .push_bytes = 64u << 10,
    };
}

zmtp_io_t *zmtp_io_new(const zmtp_options_t *options, port_t *port)
{
    assert(options->auth && options->log && options->random.fill && options->clock.wall_ms);
    zmtp_io_t *io = MEM_NEW(zmtp_io_t);
    io->options = *options;
    io->port = port;
    return io;
}

void zmtp_io_free(zmtp_io_t **io)
{
    if (!*io)
        return;
    assert((*io)->sessions_count == 0);
    mem_free(*io);
    *io = NULL;
}

session_t *zmtp_session_accepted(zmtp_io_t *io, const zmtp_bus_t *bus, transport_t *t)
{
    (void)io, (void)bus, (void)t;
    return NULL;
}

session_t *zmtp_session_dialled(zmtp_io_t *io, const zmtp_bus_t *bus, transport_t *t, zmtp_over_t *over,
                                void *context)
{
    (void)io, (void)bus, (void)t, (void)over, (void)context;
    return NULL;
}

void zmtp_io_resume(zmtp_io_t *io)
{
    (void)io;
}

size_t zmtp_io_sessions(const zmtp_io_t *io)
{
    return io->sessions_count;
}
