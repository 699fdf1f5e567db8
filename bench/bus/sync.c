/* SPDX-License-Identifier: Apache-2.0
 *
 * sync.c: one publisher that keeps a window of events on their way, and handlers that answer at once, each a thread that
 * blocks in its own socket, as programs of their own would. The bare load is the same without a protocol: octets go
 * there and come back, EVENT_BYTES of them are an event. */
#include "sync.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "../measure.h"
#include "base/alloc.h"
#include "load.h"

typedef struct handler {
    bus_client_t client;
    pthread_t thread;
    bool started;
    atomic_bool *stopping;
    error_t error; /* why it ended before it should */
} handler_t;

typedef struct publisher {
    const load_options_t *options;
    bus_client_t client;
    uint64_t next, answered; /* numbers of events; from 1 on */
    uint64_t *sent_ns;       /* of those on their way, by number & mask; 0: none */
    uint64_t mask;
    meter_t meter;
} publisher_t;

/* ---- handlers ---- */

static int handle(bus_client_t *c, error_t *err)
{
    bus_message_t event;
    int code;
    while ((code = bus_client_next(c, &event, err)) > 0)
        if (event_answer(&c->out, &event, err) != 0)
            return -1;
    return code == 0 ? bus_client_flush(c, err) : -1;
}

/* What came goes back, octet by octet. */
static int echo(bus_client_t *c, error_t *err)
{
    write_bytes(&c->out, bytes_make(c->in, c->in_end));
    bus_client_take(c);
    return bus_client_flush(c, err);
}

static void *handler_loop(handler_t *h, int (*react)(bus_client_t *, error_t *))
{
    error_t err = {""};
    while (bus_client_read(&h->client, &err) == 0 && react(&h->client, &err) == 0)
        continue;
    if (!atomic_load(h->stopping))
        h->error = err;
    return NULL;
}

static void *handler_run(void *argument)
{
    return handler_loop(argument, handle);
}

static void *handler_run_bare(void *argument)
{
    return handler_loop(argument, echo);
}

static int handlers_start(handler_t *handlers, const load_options_t *o, atomic_bool *stopping, error_t *err)
{
    for (size_t i = 0; i < o->handlers; i++) {
        handler_t *h = &handlers[i];
        h->stopping = stopping;
        if ((o->bare ? bus_client_open_bare(&h->client, o->port, 'H', err)
                     : handler_open(&h->client, o->port, err)) != 0)
            return -1;
        int code = pthread_create(&h->thread, NULL, o->bare ? handler_run_bare : handler_run, h);
        if (code != 0)
            return error_set(err, "no thread: %s", strerror(code));
        h->started = true;
    }
    return 0;
}

/* The first handler that failed is why the run failed, whatever the publisher saw of it. */
static int handlers_stop(handler_t *handlers, size_t count, atomic_bool *stopping, error_t *err)
{
    int code = 0;
    atomic_store(stopping, true);
    for (size_t i = 0; i < count; i++) {
        if (handlers[i].started) {
            shutdown(handlers[i].client.fd, SHUT_RDWR);
            pthread_join(handlers[i].thread, NULL);
        }
        bus_client_close(&handlers[i].client);
        if (handlers[i].error.text[0] != '\0' && code == 0)
            code = error_set(err, "handler %zu: %s", i + 1, handlers[i].error.text);
    }
    return code;
}

/* ---- the publisher ---- */

static int publisher_open(publisher_t *p, const load_options_t *o, load_result_t *r, error_t *err)
{
    uint64_t places = 1;
    while (places < 2 * o->window)
        places *= 2;
    *p = (publisher_t){.options = o, .next = 1, .mask = places - 1, .client.fd = -1};
    p->sent_ns = mem_zero(places * sizeof *p->sent_ns);
    meter_start(&p->meter, o, r);
    return o->bare ? bus_client_open_bare(&p->client, o->port, 'P', err)
                   : bus_client_open(&p->client, o->port, ZMTP_SOCKET_DEALER, err);
}

static void publisher_close(publisher_t *p)
{
    bus_client_close(&p->client);
    mem_free(p->sent_ns);
}

static int publish(publisher_t *p, error_t *err)
{
    uint64_t now = now_ns();
    for (; p->next - p->answered <= p->options->window; p->next++) {
        if (p->sent_ns[p->next & p->mask] != 0)
            return error_set(err, "the broker answers later events and leaves an earlier one");
        p->sent_ns[p->next & p->mask] = now;
        event_write(&p->client.out, p->next);
    }
    return bus_client_flush(&p->client, err);
}

static int answered(publisher_t *p, uint64_t number, uint64_t now, error_t *err)
{
    uint64_t *sent = &p->sent_ns[number & p->mask];
    if (number == 0 || number >= p->next || p->next - number > p->mask || *sent == 0)
        return error_set(err, "the broker answered an event that was not waiting");
    if (p->meter.counting) {
        histogram_add(&p->meter.result->latency_ns, now - *sent);
        p->meter.result->count++;
    }
    *sent = 0;
    p->answered++;
    return 0;
}

static int take_reports(publisher_t *p, error_t *err)
{
    bus_message_t report;
    uint64_t number, now = now_ns();
    int code;
    while ((code = bus_client_next(&p->client, &report, err)) > 0)
        if (report_read(&report, p->options->handlers, &number, err) != 0 ||
            answered(p, number, now, err) != 0)
            return -1;
    return code;
}

static int take_octets(publisher_t *p, error_t *err)
{
    uint64_t now = now_ns();
    while (p->client.in_end - p->client.in_begin >= EVENT_BYTES) {
        p->client.in_begin += EVENT_BYTES;
        if (answered(p, p->answered + 1, now, err) != 0)
            return -1;
    }
    return 0;
}

/* One read and what it came to. */
static int take(publisher_t *p, error_t *err)
{
    if (bus_client_read(&p->client, err) != 0)
        return -1;
    return p->options->bare ? take_octets(p, err) : take_reports(p, err);
}

static int publisher_run(publisher_t *p, error_t *err)
{
    while (meter_running(&p->meter, now_ns()))
        if (publish(p, err) != 0 || take(p, err) != 0)
            return -1;
    if (meter_stop(&p->meter, err) != 0)
        return -1;
    while (p->answered + 1 < p->next) /* all that was asked is answered, if not counted */
        if (take(p, err) != 0)
            return -1;
    return 0;
}

int load_sync(const load_options_t *o, load_result_t *r, error_t *err)
{
    static handler_t handlers[HANDLERS_MOST];
    publisher_t publisher = {.client.fd = -1};
    atomic_bool stopping = false;
    int code = handlers_start(handlers, o, &stopping, err);
    if (code == 0)
        code = publisher_open(&publisher, o, r, err);
    if (code == 0)
        code = publisher_run(&publisher, err);
    if (handlers_stop(handlers, o->handlers, &stopping, err) != 0)
        code = -1;
    publisher_close(&publisher);
    return code;
}
