/* SPDX-License-Identifier: Apache-2.0
 *
 * throughput.c: the publisher fills its window in one write whenever confirms came; the consumer, which must not wait
 * for it, has its own thread and connection. */
#include "throughput.h"

#include "measure.h"

#include <pthread.h>
#include <string.h>

#define PREFETCH  2000
#define ACK_EVERY 500

typedef struct consumer {
    const throughput_t *what;
    client_t client;
    pthread_t thread;
    int code;
} consumer_t;

static int publish_all(const throughput_t *t, client_t *c, uint64_t *next_tag)
{
    uint64_t first = *next_tag, confirmed = first - 1, end = first + t->messages;
    while (confirmed + 1 < end) {
        while (*next_tag < end && *next_tag - confirmed <= t->outstanding) {
            client_write_publish(c, t->queue, t->body);
            (*next_tag)++;
        }
        if (client_flush(c) != 0)
            return -1;
        do {
            client_event_t event;
            if (client_next(c, &event) != 0)
                return -1;
            if (event.id != AMQP_basic_ack)
                return error_set(&c->error, "a publish was not acknowledged");
            /* Confirms come in order, with `multiple` or one by one. */
            confirmed = event.method.basic_ack.delivery_tag;
        } while (client_has_input(c));
    }
    return 0;
}

static int start_consuming(consumer_t *k)
{
    client_event_t event;
    amqp_basic_qos_t qos = {.prefetch_count = PREFETCH};
    amqp_basic_consume_t consume = {.queue = k->what->queue};
    if (client_open(&k->client, k->what->port) != 0 ||
        client_request(&k->client, AMQP_basic_qos, &qos, AMQP_basic_qos_ok, &event) != 0)
        return -1;
    return client_request(&k->client, AMQP_basic_consume, &consume, AMQP_basic_consume_ok, &event);
}

static int consume_all(consumer_t *k)
{
    client_event_t event;
    for (uint64_t tag = 1; tag <= k->what->messages; tag++) {
        do
            if (client_next(&k->client, &event) != 0)
                return -1;
        while (event.id != AMQP_basic_deliver);
        if (tag % ACK_EVERY != 0 && tag != k->what->messages)
            continue;
        client_write(&k->client, AMQP_basic_ack, &(amqp_basic_ack_t){.delivery_tag = tag, .multiple = true});
        if (client_flush(&k->client) != 0)
            return -1;
    }
    return client_request(&k->client, AMQP_channel_close, &(amqp_channel_close_t){.reply_code = 200},
                          AMQP_channel_close_ok, &event);
}

static void *run_consumer(void *argument)
{
    consumer_t *k = argument;
    k->code = consume_all(k);
    return NULL;
}

static int run_both(const throughput_t *t, client_t *c, uint64_t *next_tag, double *seconds)
{
    consumer_t k = {.what = t};
    int code = start_consuming(&k);
    uint64_t start = now_ns();
    if (code == 0 && (code = pthread_create(&k.thread, NULL, run_consumer, &k)) == 0) {
        if (publish_all(t, c, next_tag) != 0)
            return -1; /* the program ends; the consumer may wait for what never comes */
        pthread_join(k.thread, NULL);
        code = k.code;
    }
    *seconds = (double)(now_ns() - start) / 1e9;
    if (code != 0)
        c->error = k.client.error;
    client_close(&k.client);
    return code == 0 ? 0 : -1;
}

int throughput_run(const throughput_t *t, client_t *c, uint64_t *next_tag, double *seconds)
{
    if (t->consume)
        return run_both(t, c, next_tag, seconds);
    uint64_t start = now_ns();
    int code = publish_all(t, c, next_tag);
    *seconds = (double)(now_ns() - start) / 1e9;
    return code;
}
