/* SPDX-License-Identifier: Apache-2.0
 *
 * settings.c: the arguments by which an exchange or a queue gets a window, as LavinMQ and RabbitMQ's plugin
 * rabbitmq-message-deduplication name them. */
#include "engine/dedup/dedup_internal.h"

#define SWITCH     "x-message-deduplication"
#define MAX_MS     315360000000u /* ten years */
#define TEXT_BYTES 96

/* Takes a value; false: it may not be, and what is expected is written. */
typedef bool argument_take_t(dedup_t *w, const field_t *f, char *expected);

static bool in_range(const field_t *f, uint64_t most, uint64_t *out)
{
    if (!field_is_integer(f) || field_integer(f) < 1)
        return false;
    *out = (uint64_t)field_integer(f);
    return *out <= most;
}

static bool take_switch(dedup_t *w, const field_t *f, char *expected)
{
    (void)w;
    text_format(expected, TEXT_BYTES, "true or false");
    return f->tag == 't';
}

static bool take_size(dedup_t *w, const field_t *f, char *expected)
{
    uint64_t most = w->engine->options.deduplication_ids_max;
    text_format(expected, TEXT_BYTES, "a number from 1 to %llu (limits.deduplication_ids)",
                (unsigned long long)most);
    return in_range(f, most, &w->limit);
}

static bool take_ttl(dedup_t *w, const field_t *f, char *expected)
{
    text_format(expected, TEXT_BYTES, "milliseconds from 1 on");
    return in_range(f, MAX_MS, &w->ttl_ms);
}

static bool take_header(dedup_t *w, const field_t *f, char *expected)
{
    text_format(expected, TEXT_BYTES, "the name of a header");
    w->header = f->octets;
    return f->tag == 'S' && f->octets.len >= 1 && f->octets.len <= UINT8_MAX;
}

static const struct argument {
    const char *name;
    argument_take_t *take;
} arguments[] = {
    {SWITCH, take_switch},
    {DEDUP_HEADER, take_header},
    {"x-cache-size", take_size},
    {"x-cache-ttl", take_ttl},
};
#define ARGUMENT_COUNT (sizeof arguments / sizeof *arguments)

/* To name the header is to ask for it. */
static bool is_asked_for(bytes_t all)
{
    field_t f;
    if (table_find(all, BYTES(SWITCH), &f))
        return field_integer(&f) != 0;
    return table_find(all, BYTES(DEDUP_HEADER), &f);
}

/* With neither a number nor a time it is LavinMQ's number; with a time alone as many as there may be. */
static void take_defaults(dedup_t *w)
{
    uint64_t most = w->engine->options.deduplication_ids_max;
    if (w->limit == 0)
        w->limit = w->ttl_ms > 0 ? most : DEDUP_DEFAULT_IDS;
    if (w->limit > most) /* the setting is lower than it was */
        w->limit = most;
    if (w->header.len == 0)
        w->header = BYTES(DEDUP_HEADER);
}

/* ---- checked ---- */

static refusal_t *refuse_value(const command_t *cmd, const vhost_t *v, const char *what, const char *name,
                               const field_t *f, const char *expected)
{
    char value[128];
    field_text(f, value, sizeof value);
    return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                       "invalid arg '%s' for %s '%.*s' in vhost '%.*s': '%s', expected %s", name, what,
                       NAMED_ARG(cmd->request->name, v), value, expected);
}

static refusal_t *refuse_text(const command_t *cmd, const vhost_t *v, const char *what, const char *name,
                              const char *why)
{
    return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                       "invalid arg '%s' for %s '%.*s' in vhost '%.*s': %s", name, what,
                       NAMED_ARG(cmd->request->name, v), why);
}

refusal_t *dedup_arguments_check(const command_t *cmd, const vhost_t *v, const char *what)
{
    bytes_t all = cmd->request->arguments;
    dedup_t any = {.engine = v->engine};
    field_t f, ignored;
    char expected[TEXT_BYTES];
    bool means_something = is_asked_for(all) || table_find(all, BYTES(SWITCH), &ignored);
    for (size_t i = 0; i < ARGUMENT_COUNT; i++) {
        if (!table_find(all, bytes_string(arguments[i].name), &f))
            continue;
        if (!means_something)
            return refuse_text(cmd, v, what, arguments[i].name, "it means nothing without '" SWITCH "'");
        if (!arguments[i].take(&any, &f, expected))
            return refuse_value(cmd, v, what, arguments[i].name, &f, expected);
    }
    if (is_asked_for(all) && table_find(all, BYTES("x-sync"), &f))
        return refuse_text(cmd, v, what, SWITCH, "one with 'x-sync' knows repeats by message-id");
    return NULL;
}

refusal_t *dedup_arguments_compare(const command_t *cmd, const exchange_t *x)
{
    refusal_t *why = NULL;
    for (size_t i = 0; i < ARGUMENT_COUNT && why == NULL; i++)
        why = argument_compare(cmd, arguments[i].name, x->arguments, "exchange", x->name, x->vhost);
    return why;
}

/* ---- taken ---- */

static dedup_t *start(engine_t *e, bytes_t all)
{
    field_t f;
    char expected[TEXT_BYTES];
    if (!is_asked_for(all))
        return NULL;
    dedup_t *w = dedup_new(e, 0);
    for (size_t i = 0; i < ARGUMENT_COUNT; i++)
        if (table_find(all, bytes_string(arguments[i].name), &f))
            (void)arguments[i].take(w, &f, expected);
    take_defaults(w);
    return w;
}

void dedup_start_exchange(exchange_t *x)
{
    x->dedup = start(x->vhost->engine, x->arguments);
    if (x->dedup)
        x->dedup->exchange = x;
}

void dedup_start_queue(queue_t *q)
{
    q->dedup = start(q->vhost->engine, q->arguments);
    if (q->dedup)
        q->dedup->queue = q;
}
