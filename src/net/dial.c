/* SPDX-License-Identifier: Apache-2.0
 *
 * dial.c: connections that we open. A dial is a descriptor on its way; once it is connected it becomes a connection
 * like one that was accepted, and the dial is gone. A name's addresses are tried one after the other. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "net/net_internal.h"

typedef struct dial {
    net_source_t source; /* first: a net_source_t * is a dial_t * */
    list_t node;         /* in loop->dials, or loop->ended_dials once it has an outcome */
    address_list_t addresses;
    size_t next; /* the one to try when this one fails */
    session_factory_t factory;
    net_failed_t *failed;
    int error; /* of the last try; 0: connected */
} dial_t;

static void dial_ready(net_source_t *source, uint32_t events);

/* The next loop turn says how it went. */
static void dial_end(dial_t *d)
{
    list_remove(&d->node);
    list_append(&d->source.loop->ended_dials, &d->node);
}

static void close_try(dial_t *d)
{
    if (d->source.fd >= 0)
        close(d->source.fd); /* leaves epoll by itself */
    d->source.fd = -1;
}

/* 0 with a descriptor on its way, or an error number. */
static int try_one(dial_t *d, const socket_address_t *to)
{
    d->source.fd = socket(to->of.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->source.fd < 0)
        return errno;
    if (connect(d->source.fd, &to->of.any, to->len) != 0 && errno != EINPROGRESS)
        return errno;
    return loop_add(&d->source, EPOLLOUT) == 0 ? 0 : errno;
}

static void try_next(dial_t *d)
{
    while (d->next < d->addresses.count) {
        d->error = try_one(d, &d->addresses.items[d->next++]);
        if (d->error == 0)
            return;
        close_try(d);
    }
    dial_end(d);
}

static void dial_ready(net_source_t *source, uint32_t events)
{
    (void)events;
    dial_t *d = (dial_t *)(void *)source;
    socklen_t len = sizeof d->error;
    if (getsockopt(source->fd, SOL_SOCKET, SO_ERROR, &d->error, &len) != 0)
        d->error = errno;
    if (d->error == 0) {
        loop_remove(source);
        dial_end(d);
        return;
    }
    close_try(d);
    try_next(d);
}

static int resolve(const net_address_t *address, address_list_t *out, error_t *err)
{
    const char *path = address_unix_path(address);
    if (path == NULL)
        return address_resolve(address, out, err);
    socket_address_t *a = &out->items[0];
    *a = (socket_address_t){.of.local.sun_family = AF_UNIX, .len = sizeof a->of.local};
    text_format(a->of.local.sun_path, sizeof a->of.local.sun_path, "%s", path);
    out->count = 1;
    return 0;
}

int net_dial(net_loop_t *l, const net_address_t *address, const session_factory_t *factory,
             net_failed_t *failed, error_t *err)
{
    dial_t *d = MEM_NEW(dial_t);
    d->source = (net_source_t){.ready = dial_ready, .loop = l, .fd = -1};
    d->factory = *factory;
    d->failed = failed;
    if (resolve(address, &d->addresses, err) != 0) {
        mem_free(d);
        return -1;
    }
    assert(d->addresses.count > 0);
    list_append(&l->dials, &d->node);
    try_next(d);
    return 0;
}

void dials_end(net_loop_t *l)
{
    list_t batch; /* who dials again at once waits for the next turn, so that this one ends */
    list_init(&batch);
    list_splice(&batch, &l->ended_dials);
    for (list_t *node; (node = list_first(&batch)) != NULL;) {
        dial_t *d = LIST_OF(node, dial_t, node);
        list_remove(node);
        if (d->error != 0)
            d->failed(d->factory.context, strerror(d->error));
        else if (!net_adopt(l, d->source.fd, &d->factory))
            d->failed(d->factory.context, "ended at once");
        mem_free(d);
    }
}

void dials_free(net_loop_t *l)
{
    list_splice(&l->ended_dials, &l->dials);
    for (list_t *node; (node = list_first(&l->ended_dials)) != NULL;) {
        dial_t *d = LIST_OF(node, dial_t, node);
        list_remove(node);
        close_try(d);
        mem_free(d);
    }
}
