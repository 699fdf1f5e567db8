/* SPDX-License-Identifier: Apache-2.0
 *
 * io_side.c: the rooms of an I/O side and its turn. io_thread.c gives it a thread. */
#include "daemon/io_side.h"

#include "base/alloc.h"

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
    io->zmtp = zmtp_io_new(&options->zmtp, &io->port);
    io->wire = (wire_t){amqp_io_factory(io->amqp), io->zmtp, options->amqp.handshake_timeout_ms};
    return 0;
}

size_t io_side_sessions(const io_side_t *io)
{
    return amqp_io_sessions(io->amqp) + zmtp_io_sessions(io->zmtp);
}

static void stop_dialling(io_side_t *io)
{
    for (size_t i = 0; i < io->dialler_count; i++)
        dialler_stop(io->diallers[i]);
}

void io_side_shut_down(io_side_t *io)
{
    stop_dialling(io);
    net_shutdown_sessions(io->loop);
}

void io_side_close_sockets(io_side_t *io)
{
    if (io->loop)
        stop_dialling(io);
    net_loop_free(&io->loop);
}

void io_side_deinit(io_side_t *io)
{
    io_side_close_sockets(io);
    for (size_t i = 0; i < io->dialler_count; i++)
        dialler_free(&io->diallers[i]);
    mem_free(io->diallers);
    /* Sessions that the engine never let go own what their port still holds: leave both to the end of the
     * process. */
    if (io->has_port && io_side_sessions(io) == 0) {
        amqp_io_free(&io->amqp);
        zmtp_io_free(&io->zmtp);
        port_deinit(&io->port);
    }
    io->has_port = false;
    os_wakeup_free(&io->wakeup);
    lane_free(&io->accepted);
}

bool io_side_take_events(io_side_t *io)
{
    return port_dispatch(&io->port, EVENTS_A_TURN) == EVENTS_A_TURN;
}

void io_side_resume(io_side_t *io)
{
    amqp_io_resume(io->amqp);
    zmtp_io_resume(io->zmtp);
}

bool io_side_turn(io_side_t *io, bool *again)
{
    *again = io_side_take_events(io);
    io_side_resume(io);
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

void io_side_adopt(io_side_t *io, const io_accepted_t *accepted)
{
    wire_door_t door = {&io->wire, accepted->bus};
    session_factory_t factory = wire_factory(&door);
    io->adopted++;
    net_adopt(io->loop, accepted->fd, &factory);
}

/* It counts as the others do. */
static void connected(void *context)
{
    io_side_t *io = context;
    io->adopted++;
    atomic_fetch_add_explicit(&io->handed, 1, memory_order_relaxed);
}

void io_side_dial(io_side_t *io, const bus_port_t *port, random_source_t random, const log_t *log)
{
    dialler_options_t options = {
        .loop = io->loop,
        .zmtp = io->zmtp,
        .port = port,
        .random = random,
        .log = log,
        .connected = connected,
        .context = io,
    };
    io->diallers = mem_resize(io->diallers, (io->dialler_count + 1) * sizeof(dialler_t *));
    io->diallers[io->dialler_count++] = dialler_new(&options);
}

bool io_side_empty(const io_side_t *io)
{
    return net_connection_count(io->loop) == 0 && io_side_sessions(io) == 0;
}
