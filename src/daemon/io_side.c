/* SPDX-License-Identifier: Apache-2.0
 *
 * io_side.c: the rooms of an I/O side and its turn. io_thread.c gives it a thread. */
#include "daemon/io_side.h"

/* Events given to sessions before the sockets get their turn again. */
#define EVENTS_A_TURN 4096

int io_side_init(io_side_t *io, const io_options_t *options, error_t *err)
{
    *io = (io_side_t){0};
    io->loop = net_loop_new(&options->net, err);
    if (!io->loop)
        return -1;
    port_init(&io->port, options->ring_items);
    io->port.bytes_most = options->ring_bytes;
    io->has_port = true;
    io->amqp = amqp_io_new(&options->amqp, &io->port);
    io->factory = amqp_io_factory(io->amqp);
    return 0;
}

void io_side_deinit(io_side_t *io)
{
    net_loop_free(&io->loop);
    /* Sessions that the engine never let go own what their port still holds: leave both to the end of the
     * process. */
    bool released = !io->amqp || amqp_io_sessions(io->amqp) == 0;
    if (released)
        amqp_io_free(&io->amqp);
    if (released && io->has_port)
        port_deinit(&io->port);
    io->has_port = false;
    os_wakeup_free(&io->wakeup);
    lane_free(&io->accepted);
}

bool io_side_take_events(io_side_t *io)
{
    return port_dispatch(&io->port, EVENTS_A_TURN) == EVENTS_A_TURN;
}

bool io_side_turn(io_side_t *io, bool *again)
{
    *again = io_side_take_events(io);
    amqp_io_resume(io->amqp);
    net_flush(io->loop);
    port_turn(&io->port);
    atomic_store_explicit(&io->gone, io->adopted - net_connection_count(io->loop), memory_order_relaxed);
    return port_flush(&io->port);
}

uint64_t io_side_load(const io_side_t *io)
{
    uint64_t gone = atomic_load_explicit(&io->gone, memory_order_relaxed);
    uint64_t handed = atomic_load_explicit(&io->handed, memory_order_relaxed);
    return handed > gone ? handed - gone : 0;
}

void io_side_adopt(io_side_t *io, int fd)
{
    io->adopted++;
    net_adopt(io->loop, fd, &io->factory);
}

bool io_side_empty(const io_side_t *io)
{
    return net_connection_count(io->loop) == 0 && amqp_io_sessions(io->amqp) == 0;
}
