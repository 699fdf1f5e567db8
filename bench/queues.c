/* SPDX-License-Identifier: Apache-2.0
 *
 * queues.c: very many durable queues over one connection: publishes to all of them in turn, with confirms; or consumes from
 * all of them at once, or so many, with acks, and looks that each queue gives what it got, in order. Prints seconds and messages a second. */
#include "base/alloc.h"
#include "base/text.h"
#include "client/client.h"
#include "measure.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW    1000 /* publishes without a confirm */
#define ACK_EVERY 10   /* deliveries; a queue has no more out than that */

typedef struct run {
    client_t client;
    uint64_t queues, each;
    uint64_t at_once; /* queues that are consumed from */
    size_t body_bytes;
    uint64_t *next; /* of each queue: the message that is to come */
    uint8_t *body;
} run_t;

static bytes_t name_of(uint64_t queue, char out[32])
{
    return bytes_make(out, text_format(out, 32, "bench-queue-%" PRIu64, queue));
}

static int fail(run_t *r, const char *what)
{
    fprintf(stderr, "queues: %s: %s\n", what, r->client.error.text);
    return 1;
}

static int declare_all(run_t *r)
{
    char name[32];
    for (uint64_t q = 0; q < r->queues; q++)
        if (client_declare_queue(&r->client, name_of(q, name), NULL) != 0)
            return -1;
    return 0;
}

/* Which queue it is for, and which of its messages it is. */
static bytes_t body_of(run_t *r, uint64_t queue, uint64_t message)
{
    buffer_t b = buffer_over(r->body, r->body_bytes);
    write_u64(&b, queue);
    write_u64(&b, message);
    return bytes_make(r->body, r->body_bytes);
}

static int await_confirm(run_t *r, uint64_t *confirmed)
{
    client_event_t event;
    if (client_flush(&r->client) != 0 || client_next(&r->client, &event) != 0)
        return -1;
    if (event.id != AMQP_basic_ack)
        return error_set(&r->client.error, "expected a confirm");
    *confirmed = event.method.basic_ack.delivery_tag;
    return 0;
}

static int fill(run_t *r)
{
    uint64_t confirmed = 0, published = 0, all = r->queues * r->each;
    char name[32];
    for (; published < all; published++) {
        uint64_t queue = published % r->queues;
        client_write_publish(&r->client, name_of(queue, name), body_of(r, queue, published / r->queues));
        while (published + 1 - confirmed >= WINDOW)
            if (await_confirm(r, &confirmed) != 0)
                return -1;
    }
    while (confirmed < all)
        if (await_confirm(r, &confirmed) != 0)
            return -1;
    return 0;
}

static int limit_prefetch(run_t *r)
{
    client_event_t event;
    amqp_basic_qos_t qos = {.prefetch_count = ACK_EVERY};
    return client_request(&r->client, AMQP_basic_qos, &qos, AMQP_basic_qos_ok, &event);
}

static int consume(run_t *r, uint64_t from, uint64_t end)
{
    char name[32];
    for (uint64_t q = from; q < end; q++) {
        amqp_basic_consume_t method = {.queue = name_of(q, name), .nowait = true};
        method.consumer_tag = method.queue;
        client_write(&r->client, AMQP_basic_consume, &method);
    }
    return client_flush(&r->client);
}

static int check(run_t *r, bytes_t body)
{
    bytes_reader_t in = bytes_reader(body);
    uint64_t queue = read_u64(&in), message = read_u64(&in);
    if (!reader_ok(&in) || queue >= r->queues || body.len != r->body_bytes)
        return error_set(&r->client.error, "a message that was never published");
    if (message != r->next[queue])
        return error_set(&r->client.error, "queue %" PRIu64 ": message %" PRIu64 " came, not %" PRIu64, queue,
                         message, r->next[queue]);
    r->next[queue]++;
    return 0;
}

static int take(run_t *r, uint64_t all)
{
    uint64_t got = 0;
    while (got < all) {
        client_event_t event;
        if (client_next(&r->client, &event) != 0)
            return -1;
        if (event.id != AMQP_basic_deliver)
            return error_set(&r->client.error, "expected a delivery");
        uint64_t tag = event.method.basic_deliver.delivery_tag;
        if (check(r, event.body) != 0)
            return -1;
        if (++got % ACK_EVERY == 0 || got == all)
            client_write(&r->client, AMQP_basic_ack,
                         &(amqp_basic_ack_t){.delivery_tag = tag, .multiple = true});
        if (got % ACK_EVERY == 0 && client_flush(&r->client) != 0)
            return -1;
    }
    return client_flush(&r->client);
}

static int drain(run_t *r)
{
    if (limit_prefetch(r) != 0)
        return -1;
    for (uint64_t from = 0, end; from < r->queues; from = end) {
        end = from + r->at_once < r->queues ? from + r->at_once : r->queues;
        if (consume(r, from, end) != 0 || take(r, (end - from) * r->each) != 0)
            return -1;
    }
    return 0;
}

static int work(run_t *r, const char *verb)
{
    bool fills = strcmp(verb, "fill") == 0;
    if ((fills ? declare_all(r) : 0) != 0 || (fills ? client_select_confirms(&r->client) : 0) != 0)
        return fail(r, "beginning");
    uint64_t begin = now_ns();
    if ((fills ? fill(r) : drain(r)) != 0)
        return fail(r, verb);
    double seconds = (double)(now_ns() - begin) / 1e9;
    printf("{\"mode\":\"%s\",\"seconds\":%.3f,\"rate\":%.0f}\n", verb, seconds,
           (double)(r->queues * r->each) / seconds);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'}, {"queues", required_argument, NULL, 'q'},
        {"each", required_argument, NULL, 'e'}, {"at-once", required_argument, NULL, 'a'},
        {"size", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    run_t r = {.queues = 1000, .each = 100, .at_once = UINT64_MAX / 2, .body_bytes = 100};
    uint16_t port = 5672;
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'p')
            port = (uint16_t)atoi(optarg);
        else if (c == 'q')
            r.queues = strtoull(optarg, NULL, 10);
        else if (c == 'e')
            r.each = strtoull(optarg, NULL, 10);
        else if (c == 'a')
            r.at_once = strtoull(optarg, NULL, 10);
        else if (c == 's')
            r.body_bytes = strtoull(optarg, NULL, 10);
        else
            return 2;
    }
    const char *verb = optind < argc ? argv[optind] : "";
    if ((strcmp(verb, "fill") != 0 && strcmp(verb, "drain") != 0) || r.body_bytes < 16 || r.at_once == 0) {
        fputs("usage: queues [--port P] [--queues N] [--each N] [--size OCTETS] fill|drain [--at-once N]\n",
              stderr);
        return 2;
    }
    r.next = mem_zero((r.queues + 1) * sizeof *r.next);
    r.body = mem_zero(r.body_bytes);
    int rc = client_open(&r.client, port) != 0 ? fail(&r, "connecting") : work(&r, verb);
    client_close(&r.client);
    mem_free(r.next);
    mem_free(r.body);
    return rc;
}
