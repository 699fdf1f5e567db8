/* SPDX-License-Identifier: Apache-2.0
 *
 * admin.c: the door (admin.h) and the thread's loop: libevent's, one turn at a time, with the engine's wake-up among
 * the descriptors that end its sleep. */
#include "admin/admin_internal.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/text.h"

/* More than the questions that can be on their way: see ask.c. */
#define RING_ITEMS 16

/* How often to look for what takes too long. */
static const struct timeval look_every = {.tv_sec = 1};

uint64_t admin_now_ms(const admin_t *a)
{
    return a->options.clock.now_ms(a->options.clock.context);
}

/* What comes has done its work by ending the sleep. */
static void woken(evutil_socket_t fd, short events, void *context)
{
    (void)fd, (void)events, (void)context;
}

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;
    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

admin_t *admin_new(const admin_options_t *options, error_t *err)
{
    admin_t *a = MEM_NEW(admin_t);
    a->options = *options;
    a->started_ms = admin_now_ms(a);
    port_init(&a->port, RING_ITEMS);
    for (size_t i = 0; i < QUERY_TYPES; i++)
        ask_init(&a->asks[i], a, (query_type_t)i);
    atomic_init(&a->stopping, false);
    a->base = new_base();
    if (a->base) {
        a->news = event_new(a->base, options->wakeup.fd, EV_READ | EV_PERSIST, woken, a);
        a->tick = event_new(a->base, -1, EV_PERSIST, woken, a);
    }
    if (!a->news || !a->tick || event_add(a->news, NULL) != 0 || event_add(a->tick, &look_every) != 0) {
        error_set(err, "cannot make an event loop for HTTP");
        admin_free(&a);
    }
    return a;
}

void admin_listeners_add(admin_listeners_t *l, const char *protocol, const char *address)
{
    if (l->count == ADMIN_LISTENERS_MAX)
        return;
    admin_listener_t *added = &l->items[l->count++];
    added->protocol = protocol;
    text_format(added->address, sizeof added->address, "%s", address);
}

port_t *admin_port(admin_t *a)
{
    return &a->port;
}

int admin_listen(admin_t *a, admin_kind_t kind, int fd, error_t *err)
{
    assert(a->http_count < sizeof a->http / sizeof *a->http);
    http_t *h = http_new(a, kind, fd, err);
    if (!h)
        return -1;
    a->http[a->http_count++] = h;
    return 0;
}

static void turn(admin_t *a)
{
    (void)port_dispatch(&a->port, SIZE_MAX);
    for (size_t i = 0; i < a->http_count; i++)
        http_sweep(a->http[i]);
    for (size_t i = 0; i < QUERY_TYPES; i++)
        ask_turn(&a->asks[i]);
    if (port_flush(&a->port))
        a->options.wakeup.wake_engine(a->options.wakeup.context);
}

void admin_run(admin_t *a)
{
    const admin_wakeup_t *w = &a->options.wakeup;
    while (!atomic_load(&a->stopping)) {
        w->prepare(w->context);
        turn(a);
        (void)event_base_loop(a->base, EVLOOP_ONCE | (atomic_load(&a->stopping) ? EVLOOP_NONBLOCK : 0));
        w->cancel(w->context);
    }
}

void admin_stop(admin_t *a)
{
    atomic_store(&a->stopping, true);
}

void admin_free(admin_t **ap)
{
    admin_t *a = *ap;
    if (!a)
        return;
    for (size_t i = 0; i < a->http_count; i++)
        http_free(&a->http[i]);
    if (a->tick)
        event_free(a->tick);
    if (a->news)
        event_free(a->news);
    if (a->base)
        event_base_free(a->base);
    port_deinit(&a->port);
    mem_free(a);
    *ap = NULL;
}
