/* SPDX-License-Identifier: Apache-2.0
 *
 * http.c: connections, by libevent's evhttp, within bounds: so many at a time, so long for a request, so much waiting to
 * be read by all of them together. No peer makes this process grow beyond them.
 *
 * evhttp counts no connections and tells of no end, so each has a slot here that shares its bufferevent: one whose
 * callbacks are gone was let go by evhttp. Past CONNECTIONS_MAX a connection is accepted to be told 503; past SLOTS the
 * kernel's backlog keeps it. */
#include "admin/admin_internal.h"

#include <event2/listener.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"

enum {
    CONNECTIONS_MAX = 100,
    SLOTS = CONNECTIONS_MAX + 156,
    REFUSED_MS = 1000, /* for a connection too many to send its request */
    HEADERS_BYTES_MAX = 8192,
    BODY_BYTES_MAX = 16384, /* none is asked for; who sends one all the same is told so */
    ACCEPT_AGAIN_MS = 1000, /* after accept failed, for want of descriptors most likely */
};

/* Replies that wait to be read. */
#define UNSENT_BYTES_MAX (256u << 20)

struct slot {
    struct bufferevent *shared; /* NULL: free */
    uint64_t since_ms;          /* it came, or sent its last request */
    bool refused;
};

struct http {
    admin_t *admin;
    admin_kind_t kind;
    struct evhttp *evhttp;
    struct evconnlistener *listener;
    uint64_t accept_again_ms;
    size_t used;
    slot_t slots[SLOTS];
};

/* ---- slots ---- */

static slot_t *find_slot(http_t *h, const struct bufferevent *shared)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (h->slots[i].shared == shared)
            return &h->slots[i];
    return NULL;
}

static struct bufferevent *connection_came(struct event_base *base, void *context)
{
    http_t *h = context;
    struct bufferevent *b = bufferevent_socket_new(base, -1, 0);
    slot_t *s = find_slot(h, NULL);
    if (!b || !s)
        return b;
    bufferevent_incref(b);
    *s = (slot_t){.shared = b, .since_ms = admin_now_ms(h->admin), .refused = h->used >= CONNECTIONS_MAX};
    if (++h->used == SLOTS)
        (void)evconnlistener_disable(h->listener);
    return b;
}

static bool was_let_go(const slot_t *s)
{
    bufferevent_data_cb read, write;
    bufferevent_event_cb event;
    bufferevent_getcb(s->shared, &read, &write, &event, NULL);
    return !read && !write && !event;
}

static void release(http_t *h, slot_t *s)
{
    bufferevent_decref(s->shared);
    *s = (slot_t){0};
    h->used--;
}

/* Accepting stops while all slots are taken, and for a moment when it failed. */
static void accept_again(http_t *h, bool room_came, uint64_t now_ms)
{
    if (h->used == SLOTS || (!room_came && now_ms < h->accept_again_ms))
        return;
    (void)evconnlistener_enable(h->listener);
    h->accept_again_ms = now_ms + ACCEPT_AGAIN_MS;
}

void http_sweep(http_t *h)
{
    uint64_t now_ms = admin_now_ms(h->admin);
    bool was_full = h->used == SLOTS;
    for (size_t i = 0; i < SLOTS && h->used > 0; i++) {
        slot_t *s = &h->slots[i];
        uint64_t most_ms = s->refused ? REFUSED_MS : h->admin->options.idle_ms;
        if (s->shared && was_let_go(s))
            release(h, s);
        else if (s->shared && now_ms - s->since_ms >= most_ms)
            (void)shutdown(bufferevent_getfd(s->shared), SHUT_RDWR); /* evhttp finds it closed */
    }
    accept_again(h, was_full, now_ms);
}

static size_t unsent_bytes(const http_t *h)
{
    size_t sum = 0;
    for (size_t i = 0; i < SLOTS; i++)
        if (h->slots[i].shared)
            sum += evbuffer_get_length(bufferevent_get_output(h->slots[i].shared));
    return sum;
}

/* ---- requests ---- */

static void exchange_free(exchange_t *x)
{
    list_remove(&x->link);
    target_deinit(&x->target);
    mem_free(x);
}

/* The peer went before it was answered; evhttp frees the request. */
static void peer_gone(struct evhttp_connection *connection, void *context)
{
    (void)connection;
    exchange_free(context);
}

static void request_came(struct evhttp_request *request, void *context)
{
    http_t *h = context;
    reply_t r = {0};
    query_type_t query;
    exchange_t *x = MEM_NEW(exchange_t);
    list_init(&x->link);
    x->http = h;
    x->request = request;
    x->connection = evhttp_request_get_connection(request);
    slot_t *s = find_slot(h, evhttp_connection_get_bufferevent(x->connection));
    if (!s || s->refused) {
        reply_error(&r, 503, "service_unavailable", "too many connections");
        r.extra[0] = "Connection";
        r.extra[1] = "close";
        http_reply(x, &r);
        return;
    }
    s->since_ms = admin_now_ms(h->admin);
    if (!api_accept(h->admin, h->kind, x, &query, &r)) {
        http_reply(x, &r);
        return;
    }
    evhttp_connection_set_closecb(x->connection, peer_gone, x);
    ask_add(&h->admin->asks[query], x);
}

/* ---- replies ---- */

static void free_body(const void *data, size_t len, void *context)
{
    (void)data, (void)len;
    mem_free(context);
}

/* The octets go to evhttp as they are. */
static struct evbuffer *take_body(reply_t *r)
{
    struct evbuffer *out = evbuffer_new();
    if (!out || r->body.len == 0 ||
        evbuffer_add_reference(out, r->body.data, r->body.len, free_body, r->body.data) != 0)
        buffer_free(&r->body);
    r->body = (buffer_t){0};
    return out;
}

static void add_headers(exchange_t *x, const reply_t *r, bool without_body)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(x->request);
    char length[32];
    evhttp_add_header(headers, "Content-Type", r->type);
    evhttp_add_header(headers, "Cache-Control", "no-cache");
    if (r->extra[0])
        evhttp_add_header(headers, r->extra[0], r->extra[1]);
    if (!without_body)
        return;
    text_format(length, sizeof length, "%zu", r->body.len);
    evhttp_add_header(headers, "Content-Length", length);
}

void http_reply(exchange_t *x, reply_t *r)
{
    bool head = evhttp_request_get_command(x->request) == EVHTTP_REQ_HEAD;
    if (unsent_bytes(x->http) + r->body.len > UNSENT_BYTES_MAX)
        reply_error(r, 503, "service_unavailable", "too many answers wait to be read");
    evhttp_connection_set_closecb(x->connection, NULL, NULL);
    add_headers(x, r, head);
    if (head)
        buffer_clear(&r->body);
    struct evbuffer *body = take_body(r);
    evhttp_send_reply(x->request, r->status, r->reason, body);
    if (body)
        evbuffer_free(body);
    exchange_free(x);
}

/* ---- life ---- */

/* Out of descriptors, most likely: trying at once again and again would not help. The sweep tries. */
static void accept_failed(struct evconnlistener *listener, void *context)
{
    (void)context;
    (void)evconnlistener_disable(listener);
}

static void set_bounds(http_t *h)
{
    evhttp_set_max_headers_size(h->evhttp, HEADERS_BYTES_MAX);
    evhttp_set_max_body_size(h->evhttp, BODY_BYTES_MAX);
    evhttp_set_allowed_methods(h->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                              EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                                              EVHTTP_REQ_PATCH);
    evhttp_set_bevcb(h->evhttp, connection_came, h);
    evhttp_set_gencb(h->evhttp, request_came, h);
}

http_t *http_new(admin_t *a, admin_kind_t kind, int fd, error_t *err)
{
    http_t *h = MEM_NEW(http_t);
    h->admin = a;
    h->kind = kind;
    h->evhttp = evhttp_new(a->base);
    struct evhttp_bound_socket *bound = h->evhttp ? evhttp_accept_socket_with_handle(h->evhttp, fd) : NULL;
    if (!bound) {
        close(fd);
        error_set(err, "cannot wait for HTTP connections");
        http_free(&h);
        return NULL;
    }
    h->listener = evhttp_bound_socket_get_listener(bound);
    evconnlistener_set_error_cb(h->listener, accept_failed);
    set_bounds(h);
    return h;
}

void http_free(http_t **hp)
{
    http_t *h = *hp;
    if (h->evhttp)
        evhttp_free(h->evhttp); /* closes everything, the listener too */
    for (size_t i = 0; i < SLOTS; i++)
        if (h->slots[i].shared)
            release(h, &h->slots[i]);
    mem_free(h);
    *hp = NULL;
}
