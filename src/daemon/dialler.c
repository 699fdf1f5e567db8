/* SPDX-License-Identifier: Apache-2.0
 *
 * dialler.c: dial, be connected, be over, wait, dial again. The wait begins with 100 ms and doubles up to 5 s, each with up to
 * half of it added by chance, so that brokers that lost a peer at once do not come back at once; it begins anew behind a
 * connection that lasted. Who refused for good is asked again rarely: somebody may repair it.
 *
 * The log names each change from one to the other, not each try. */
#include "daemon/dialler.h"

#include <assert.h>

#include "base/alloc.h"

#define DELAY_LEAST_MS    100
#define DELAY_MOST_MS     5000
#define DELAY_FOR_GOOD_MS 30000

typedef enum said { SAID_NOTHING, SAID_CONNECTED, SAID_FAILED } said_t;

struct dialler {
    net_timer_t timer; /* first: a net_timer_t * is a dialler_t * */
    dialler_options_t options;
    net_address_t address;
    uint64_t delay_ms; /* of the next wait */
    uint64_t connected_ms;
    said_t said; /* what the log knows */
    bool stopped;
};

static void say_failed(dialler_t *d, const char *reason)
{
    if (d->said == SAID_FAILED)
        return;
    d->said = SAID_FAILED;
    log_line(d->options.log, LOG_WARNING, "%s: cannot connect to %s: %s; trying again until it can",
             d->options.port->name, d->address.text, reason);
}

static uint64_t with_chance(const dialler_t *d, uint64_t delay_ms)
{
    uint32_t chance;
    d->options.random.fill(d->options.random.context, &chance, sizeof chance);
    return delay_ms + chance % (delay_ms / 2);
}

static void wait(dialler_t *d, uint64_t delay_ms)
{
    net_set_timer(d->options.loop, &d->timer, net_now_ms(d->options.loop) + with_chance(d, delay_ms));
}

static void wait_longer(dialler_t *d)
{
    wait(d, d->delay_ms);
    d->delay_ms = d->delay_ms * 2 < DELAY_MOST_MS ? d->delay_ms * 2 : DELAY_MOST_MS;
}

static void failed(void *context, const char *reason)
{
    dialler_t *d = context;
    if (d->stopped)
        return;
    say_failed(d, reason);
    wait_longer(d);
}

/* The session says why it ended. */
static void over(void *context, bool for_good)
{
    dialler_t *d = context;
    if (d->stopped)
        return;
    if (for_good) {
        say_failed(d, "the two do not fit together");
        wait(d, DELAY_FOR_GOOD_MS);
        return;
    }
    if (net_now_ms(d->options.loop) - d->connected_ms >= DELAY_MOST_MS)
        d->delay_ms = DELAY_LEAST_MS;
    wait_longer(d);
}

static session_t *open(void *context, transport_t *t)
{
    dialler_t *d = context;
    if (d->stopped)
        return NULL;
    session_t *s = zmtp_session_dialled(d->options.zmtp, &d->options.port->bus, t, over, d);
    if (!s)
        return NULL;
    d->connected_ms = net_now_ms(d->options.loop);
    if (d->said != SAID_CONNECTED)
        log_line(d->options.log, LOG_INFO, "%s: connected to %s", d->options.port->name, d->address.text);
    d->said = SAID_CONNECTED;
    d->options.connected(d->options.context);
    return s;
}

/* A name is looked up here, and that may take a while; one that is not found is looked for rarely. */
static void dial(net_timer_t *timer)
{
    dialler_t *d = (dialler_t *)(void *)timer;
    session_factory_t factory = {.open = open, .context = d};
    error_t err;
    if (net_dial(d->options.loop, &d->address, &factory, failed, &err) == 0)
        return;
    say_failed(d, err.text);
    wait(d, DELAY_FOR_GOOD_MS);
}

dialler_t *dialler_new(const dialler_options_t *options)
{
    dialler_t *d = MEM_NEW(dialler_t);
    d->options = *options;
    d->timer.due = dial;
    d->delay_ms = DELAY_LEAST_MS;
    bool parsed = net_address_parse(options->port->settings->address, &d->address, NULL);
    assert(parsed); /* listen_check saw to it */
    (void)parsed;
    net_set_timer(options->loop, &d->timer, 0);
    return d;
}

void dialler_stop(dialler_t *d)
{
    d->stopped = true;
    net_cancel_timer(d->options.loop, &d->timer);
}

void dialler_free(dialler_t **d)
{
    mem_free(*d);
    *d = NULL;
}
