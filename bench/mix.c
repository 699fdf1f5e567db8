/* SPDX-License-Identifier: Apache-2.0
 *
 * mix.c: empties the queue that `queues --queues 1 fill` filled, with all that may happen to a message: of ten deliveries
 * one goes back, one is rejected and eight are acked, one by one, and one more is taken by basic.get. Looks that each message
 * is done with once. Prints seconds and messages a second. */
#include "base/alloc.h"
#include "client/client.h"
#include "measure.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define QUEUE       BYTES("bench-queue-0")
#define PREFETCH    1000
#define FLUSH_EVERY 100 /* deliveries */

typedef struct run {
    client_t client;
    uint64_t messages, done, delivered;
    uint64_t returned, rejected, got;
    uint8_t *is_done; /* a bit for each message */
} run_t;

static int begin(run_t *r)
{
    client_event_t event;
    amqp_basic_qos_t qos = {.prefetch_count = PREFETCH};
    amqp_basic_consume_t consume = {.queue = QUEUE, .consumer_tag = BYTES("mix")};
    if (client_request(&r->client, AMQP_basic_qos, &qos, AMQP_basic_qos_ok, &event) != 0)
        return -1;
    client_write(&r->client, AMQP_basic_consume, &consume);
    return client_flush(&r->client);
}

static int note_done(run_t *r, bytes_t body)
{
    bytes_reader_t in = bytes_reader(body);
    (void)read_u64(&in);
    uint64_t message = read_u64(&in);
    if (!reader_ok(&in) || message >= r->messages)
        return error_set(&r->client.error, "a message that was never published");
    uint8_t bit = (uint8_t)(1 << (message & 7));
    if (r->is_done[message >> 3] & bit)
        return error_set(&r->client.error, "message %" PRIu64 " came again, though it was done with",
                         message);
    r->is_done[message >> 3] |= bit;
    r->done++;
    return 0;
}

static int ack(run_t *r, uint64_t tag, bytes_t body)
{
    client_write(&r->client, AMQP_basic_ack, &(amqp_basic_ack_t){.delivery_tag = tag});
    return note_done(r, body);
}

static int take_delivery(run_t *r, const client_event_t *event)
{
    const amqp_basic_deliver_t *d = &event->method.basic_deliver;
    uint64_t turn = r->delivered++ % 10;
    if (turn == 8) {
        amqp_basic_get_t get = {.queue = QUEUE};
        client_write(&r->client, AMQP_basic_get, &get);
    }
    if (turn == 3 && !d->redelivered) {
        amqp_basic_nack_t nack = {.delivery_tag = d->delivery_tag, .requeue = true};
        client_write(&r->client, AMQP_basic_nack, &nack);
        r->returned++;
        return 0;
    }
    if (turn != 6)
        return ack(r, d->delivery_tag, event->body);
    amqp_basic_reject_t reject = {.delivery_tag = d->delivery_tag};
    client_write(&r->client, AMQP_basic_reject, &reject);
    r->rejected++;
    return note_done(r, event->body);
}

static int take(run_t *r, const client_event_t *event)
{
    if (event->id == AMQP_basic_deliver)
        return take_delivery(r, event);
    if (event->id != AMQP_basic_get_ok)
        return 0;
    r->got++;
    return ack(r, event->method.basic_get_ok.delivery_tag, event->body);
}

static int empty_queue(run_t *r)
{
    if (begin(r) != 0)
        return -1;
    for (uint64_t n = 1; r->done < r->messages; n++) {
        client_event_t event;
        if (client_next(&r->client, &event) != 0 || take(r, &event) != 0)
            return -1;
        if ((n % FLUSH_EVERY == 0 || !client_has_input(&r->client)) && client_flush(&r->client) != 0)
            return -1;
    }
    return client_flush(&r->client);
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"port", required_argument, NULL, 'p'},
                                          {"messages", required_argument, NULL, 'm'},
                                          {NULL, 0, NULL, 0}};
    run_t r = {0};
    uint16_t port = 5672;
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'p')
            port = (uint16_t)atoi(optarg);
        else if (c == 'm')
            r.messages = strtoull(optarg, NULL, 10);
        else
            return 2;
    }
    if (r.messages == 0) {
        fputs("usage: mix [--port P] --messages N\n", stderr);
        return 2;
    }
    r.is_done = mem_zero(r.messages / 8 + 1);
    uint64_t began_ns = now_ns();
    int rc = client_open(&r.client, port) != 0 || empty_queue(&r) != 0;
    double seconds = (double)(now_ns() - began_ns) / 1e9;
    if (rc != 0)
        fprintf(stderr, "mix: %s\n", r.client.error.text);
    else
        printf("{\"seconds\":%.3f,\"rate\":%.0f,\"returned\":%" PRIu64 ",\"rejected\":%" PRIu64
               ",\"got\":%" PRIu64 "}\n",
               seconds, (double)r.messages / seconds, r.returned, r.rejected, r.got);
    client_close(&r.client);
    mem_free(r.is_done);
    return rc;
}
