/* SPDX-License-Identifier: Apache-2.0
 *
 * fan.c: one PUB, and SUBs that each get everything. A PUB's messages are dropped where somebody is behind, by every
 * broker; so no more than a window of them is on its way to the slowest subscriber, and each must come, in order.
 *
 *     a message        one frame: "bench.1 ", its number in 8 octets, zeros up to the size
 *     with --topic     "bench.1 " in a frame of its own in front; the number and zeros up to the size
 *
 * The first messages have number 0: they are sent until each subscriber has got one, since nothing else tells that a
 * subscription has arrived. */
#include <assert.h>

#include "../measure.h"
#include "base/alloc.h"
#include "client.h"
#include "load.h"

#define TOPIC      BYTES("bench.1 ")
#define PREFIX     BYTES("bench.")
#define PROBE_NS   5000000u
#define PROBE_MS   5
#define PROBING_NS 20000000000u

typedef struct fan {
    const load_options_t *options;
    bus_client_t publisher;
    bus_client_t *subscribers;
    bus_client_t **all; /* the publisher, then they */
    uint64_t *received; /* the last number that each got */
    bool *reached;
    uint64_t next; /* number of the next message */
    uint8_t *message;
    meter_t meter;
} fan_t;

/* ---- opening ---- */

static int subscriber_open(bus_client_t *c, uint16_t port, error_t *err)
{
    zmtp_subscription_t prefix = {.subscribe = true, .prefix = PREFIX};
    if (bus_client_open(c, port, ZMTP_SOCKET_SUB, err) != 0)
        return -1;
    zmtp_write_subscription(&c->out, c->peer, &prefix);
    return bus_client_flush(c, err);
}

static int fan_open(fan_t *f, const load_options_t *o, load_result_t *r, error_t *err)
{
    *f = (fan_t){.options = o, .publisher.fd = -1, .next = 1, .message = mem_zero(o->size)};
    f->subscribers = mem_zero(o->subscribers * sizeof *f->subscribers);
    f->all = mem_zero((o->subscribers + 1) * sizeof(bus_client_t *));
    f->received = mem_zero(o->subscribers * sizeof *f->received);
    f->reached = mem_zero(o->subscribers * sizeof *f->reached);
    memcpy(f->message, TOPIC.data, TOPIC.len);
    meter_start(&f->meter, o, r);
    f->all[0] = &f->publisher;
    for (size_t i = 0; i < o->subscribers; i++) {
        f->all[i + 1] = &f->subscribers[i];
        if (subscriber_open(&f->subscribers[i], o->subscribe_port, err) != 0)
            return -1;
    }
    return bus_client_open(&f->publisher, o->port, ZMTP_SOCKET_PUB, err);
}

static void fan_close(fan_t *f)
{
    for (size_t i = 0; i < f->options->subscribers; i++)
        bus_client_close(&f->subscribers[i]);
    bus_client_close(&f->publisher);
    mem_free(f->subscribers);
    mem_free(f->all);
    mem_free(f->received);
    mem_free(f->reached);
    mem_free(f->message);
}

/* ---- messages ---- */

static void write_message(fan_t *f, uint64_t number)
{
    bytes_t topic = f->options->topic ? TOPIC : BYTES("");
    if (topic.len > 0)
        zmtp_write_frame(&f->publisher.out, topic, true);
    put_u64(f->message + TOPIC.len - topic.len, number);
    zmtp_write_frame(&f->publisher.out, bytes_make(f->message, f->options->size), false);
}

/* Its number, or -1 if nobody published it. */
static int read_message(const fan_t *f, const bus_message_t *message, uint64_t *number)
{
    size_t frames = f->options->topic ? 2 : 1;
    if (message->count != frames || !bytes_starts_with(message->frame[0], TOPIC))
        return -1;
    bytes_t last = message->frame[frames - 1];
    if (last.len != f->options->size)
        return -1;
    *number = load_u64(last.data + (f->options->topic ? 0 : TOPIC.len));
    return 0;
}

static int on_message(fan_t *f, size_t subscriber, const bus_message_t *message, error_t *err)
{
    uint64_t number;
    if (read_message(f, message, &number) != 0)
        return error_set(err, "subscriber %zu was sent what nobody published", subscriber + 1);
    f->reached[subscriber] = true;
    if (number == 0)
        return 0;
    if (number != f->received[subscriber] + 1)
        return error_set(err, "subscriber %zu got message %llu behind %llu", subscriber + 1,
                         (unsigned long long)number, (unsigned long long)f->received[subscriber]);
    f->received[subscriber] = number;
    f->meter.result->count += f->meter.counting;
    return 0;
}

/* What the application of an XSUB subscribes to comes as a message; libzmq's proxy is such an application. */
static void on_message_to_publisher(bus_client_t *c, const bus_message_t *message)
{
    zmtp_subscription_t s;
    if (message->count == 1 && zmtp_subscription_of_message(message->frame[0], &s) && s.subscribe)
        c->subscribed = true;
}

/* One turn of all sockets, and all messages that have come. */
static int turn(fan_t *f, int timeout_ms, error_t *err)
{
    bus_message_t message;
    int ready = bus_clients_turn(f->all, f->options->subscribers + 1, timeout_ms, err), code;
    if (ready < 0)
        return -1;
    while ((code = bus_client_next(&f->publisher, &message, err)) > 0)
        on_message_to_publisher(&f->publisher, &message);
    for (size_t i = 0; i < f->options->subscribers && code == 0; i++)
        while ((code = bus_client_next(&f->subscribers[i], &message, err)) > 0)
            if (on_message(f, i, &message, err) != 0)
                return -1;
    return code < 0 ? -1 : ready;
}

static bool all_reached(const fan_t *f)
{
    for (size_t i = 0; i < f->options->subscribers; i++)
        if (!f->reached[i])
            return false;
    return true;
}

static uint64_t least_received(const fan_t *f)
{
    uint64_t least = f->received[0];
    for (size_t i = 1; i < f->options->subscribers; i++)
        least = f->received[i] < least ? f->received[i] : least;
    return least;
}

/* ---- the run ---- */

static int probe(fan_t *f, error_t *err)
{
    uint64_t now = now_ns(), end = now + PROBING_NS, due = now;
    for (; !all_reached(f) && now < end; now = now_ns()) {
        if (f->publisher.subscribed && now >= due) {
            write_message(f, 0);
            due = now + PROBE_NS;
        }
        if (turn(f, PROBE_MS, err) < 0)
            return -1;
    }
    if (!f->publisher.subscribed)
        return error_set(err, "nobody subscribes to the publisher");
    return all_reached(f) ? 0 : error_set(err, "a subscriber gets nothing");
}

/* Half a window at a time: messages travel in batches, as they do where a publisher is busy. */
static void publish(fan_t *f)
{
    uint64_t on_their_way = f->next - 1 - least_received(f);
    if (on_their_way <= f->options->window / 2)
        for (; on_their_way < f->options->window; on_their_way++)
            write_message(f, f->next++);
}

static int run(fan_t *f, error_t *err)
{
    while (meter_running(&f->meter, now_ns())) {
        publish(f);
        int ready = turn(f, 5000, err);
        if (ready <= 0)
            return ready < 0 ? -1
                             : error_set(err, "message %llu does not come",
                                         (unsigned long long)least_received(f) + 1);
    }
    return meter_stop(&f->meter, err);
}

int load_fan(const load_options_t *o, load_result_t *r, error_t *err)
{
    fan_t fan;
    int code = fan_open(&fan, o, r, err);
    if (code == 0)
        code = probe(&fan, err);
    if (code == 0)
        code = run(&fan, err);
    fan_close(&fan);
    return code;
}
