/* SPDX-License-Identifier: Apache-2.0
 *
 * admin_internal.h: what the files of this room share.
 *
 *   http.c     connections: how many, how long, what is refused     answers are made by pure functions of what was asked
 *   api.c      paths, methods, who may                              (target_t), what the engine said (query_t) and facts:
 *   ask.c      questions to the engine, shared by who waits         overview.c, queues.c, metrics.c */
#pragma once

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <jansson.h>
#include <stdatomic.h>

#include "admin/admin.h"
#include "base/bytes.h"
#include "base/list.h"

/* What tools that were made for RabbitMQ are told: the version whose /api this follows. */
#define COMPATIBLE_VERSION "4.2.0"

/* ---- target.c: what a request line asks for ---- */

#define TARGET_PARTS_MAX  8
#define TARGET_PARAMS_MAX 32

typedef struct target_param {
    bytes_t name, value;
} target_param_t;

/* "/api/queues/%2F/a%20b?page=1", taken apart and decoded, once. */
typedef struct target {
    bytes_t parts[TARGET_PARTS_MAX]; /* "api", "queues", "/", "a b" */
    size_t part_count;
    target_param_t params[TARGET_PARAMS_MAX];
    size_t param_count;
    uint8_t *octets; /* owned */
} target_t;

/* `query` may be NULL. False if it is malformed, or has more parts or parameters than any address here. Only after true:
 * target_deinit. */
bool target_parse(const char *path, const char *query, target_t *out);
void target_deinit(target_t *t);

/* The first parameter of this name; false if there is none. */
bool target_param(const target_t *t, const char *name, bytes_t *value);
bool target_param_is(const target_t *t, const char *name, const char *value);

/* ---- basic.c: Authorization: Basic ---- */

#define BASIC_OCTETS_MAX 1024

typedef struct basic {
    uint8_t octets[BASIC_OCTETS_MAX];
    bytes_t user, password; /* of octets */
} basic_t;

/* RFC 7617. False for another scheme, and what is malformed or longer than any user and password. */
bool basic_parse(const char *header, basic_t *out);

/* ---- replies ---- */

typedef struct reply {
    int status;
    const char *reason;   /* of the status line */
    const char *type;     /* Content-Type */
    const char *extra[2]; /* one more header: name, value; or NULL */
    buffer_t body;        /* owned */
} reply_t;

/* {"error":…,"reason":…} */
void reply_error(reply_t *r, int status, const char *error, const char *reason);
void reply_not_found(reply_t *r);

/* 200; the body is written behind it. */
void reply_text(reply_t *r, const char *type);

/* Writes the value into the body, and frees it. */
void reply_json(reply_t *r, json_t *value);

/* ---- json.c ---- */

/* A string; what is not UTF-8 becomes U+FFFD. */
json_t *json_text(bytes_t text);

/* A field table's content. */
json_t *json_table(bytes_t table);

/* Appends the value's text, and frees it. */
void json_write(buffer_t *out, json_t *value);

/* What `columns` (a,b.c,…) leaves of an object; frees `object`. */
json_t *json_columns(json_t *object, bytes_t columns);

/* ---- answers ---- */

/* Everything an answer is made of. */
typedef struct view {
    const query_t *query;
    const target_t *target;
    const admin_options_t *about;
    uint64_t uptime_ms, longest_step_us;
    admin_machine_t machine;
    bool has_store;
    store_counts_t store;
} view_t;

typedef void answer_t(const view_t *v, reply_t *r);

answer_t answer_overview;             /* overview.c */
answer_t answer_queues, answer_queue; /* queues.c: /api/queues…, /api/queues/VHOST/NAME */
answer_t answer_events;               /* events.c: /api/events/VHOST/EXCHANGE */
answer_t answer_metrics;              /* metrics.c */

/* ---- page.c: one page of a list ---- */

typedef struct page {
    bool wanted;
    size_t number, size; /* from 1 */
    bytes_t name;        /* part of the names that are wanted; empty: all */
} page_t;

/* False if the parameters make no sense; the reply says why. */
bool page_parse(const target_t *t, page_t *out, reply_t *r);

/* Of `count` items, those from *first, *count of them; false (with the reply) if there is no such page. */
bool page_cut(const page_t *p, size_t filtered, size_t *first, size_t *count, reply_t *r);

/* True if `name` has the wanted part in it, whatever the case of its letters. */
bool page_matches(const page_t *p, bytes_t name);

/* ---- http.c ---- */

typedef struct http http_t;
typedef struct slot slot_t;

/* A request that is not answered yet. */
typedef struct exchange {
    list_t link; /* in ask_t */
    http_t *http;
    struct evhttp_request *request;
    struct evhttp_connection *connection;
    target_t target;
    answer_t *answer;
    uint64_t since_ms;
} exchange_t;

http_t *http_new(admin_t *a, admin_kind_t kind, int fd, error_t *err);
void http_free(http_t **h);

/* Once a turn: forgets connections that are gone, ends those that take too long. */
void http_sweep(http_t *h);

/* Sends the reply, frees its body and the exchange. */
void http_reply(exchange_t *x, reply_t *r);

/* ---- api.c ---- */

/* Finds out what is asked for and whether it may be: the reply, or true if the engine is to be asked `query`. */
bool api_accept(admin_t *a, admin_kind_t kind, exchange_t *x, query_type_t *query, reply_t *r);

/* ---- ask.c ---- */

#define QUERY_TYPES 3

/* Who waits for an answer of one type. Those who came after the question was asked wait for the next: what they did
 * before they asked must be in it. */
typedef struct ask {
    port_client_t client; /* first: events come to it */
    admin_t *admin;
    query_type_t type;
    bool in_flight;
    list_t asked, waiting; /* exchange.link */
} ask_t;

void ask_init(ask_t *q, admin_t *a, query_type_t type);
void ask_add(ask_t *q, exchange_t *x);
/* Asks if somebody waits; says so to those who waited too long. */
void ask_turn(ask_t *q);

/* ---- admin.c ---- */

struct admin {
    admin_options_t options;
    uint64_t started_ms;
    port_t port;
    struct event_base *base;
    struct event *news, *tick;
    http_t *http[4];
    size_t http_count;
    ask_t asks[QUERY_TYPES];
    atomic_bool stopping;
    uint64_t log_again_ms; /* refused logins: not before */
};

uint64_t admin_now_ms(const admin_t *a);
