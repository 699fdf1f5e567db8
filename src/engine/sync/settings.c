/* SPDX-License-Identifier: Apache-2.0
 *
 * settings.c: what makes an exchange synchronous: the arguments of its declaration. One table: what each may be, and
 * where it goes. */
#include "engine/sync/sync_internal.h"

#define MAX_MS    315360000000u /* ten years */
#define MOST      65536 /* what is open, or kept, of an exchange is bounded whatever its arguments say */
#define MOST_TEXT "65536"

typedef bool argument_set_t(sequencer_t *s, const field_t *f);

static bool in_range(const field_t *f, uint64_t least, uint64_t most, uint64_t *out)
{
    if (!field_is_integer(f) || field_integer(f) < 0)
        return false;
    *out = (uint64_t)field_integer(f);
    return *out >= least && *out <= most;
}

static bool set_number(const field_t *f, uint64_t least, uint32_t *out)
{
    uint64_t n;
    if (!in_range(f, least, MOST, &n))
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool set_need(sequencer_t *s, const field_t *f)
{
    return need_parse(f, &s->need);
}

static bool set_timeout(sequencer_t *s, const field_t *f)
{
    return in_range(f, 1, MAX_MS, &s->timeout_ms);
}

static bool set_window(sequencer_t *s, const field_t *f)
{
    return set_number(f, 1, &s->window);
}

static bool set_dedup(sequencer_t *s, const field_t *f)
{
    return set_number(f, 0, &s->dedup);
}

static bool set_keep_results(sequencer_t *s, const field_t *f)
{
    return set_number(f, 0, &s->keep_results);
}

static bool set_delivery_limit(sequencer_t *s, const field_t *f)
{
    return set_number(f, 1, &s->delivery_limit);
}

static const struct argument {
    const char *name, *expected;
    argument_set_t *set;
} arguments[] = {
    {"x-sync", "all, quorum, one, none or a number of groups",
     set_need}, /* first: it makes the others mean something */
    {"x-sync-timeout", "milliseconds from 1 on", set_timeout},
    {"x-sync-window", "a number from 1 to " MOST_TEXT, set_window},
    {"x-dedup", "a number from 0 to " MOST_TEXT, set_dedup},
    {"x-keep-results", "a number from 0 to " MOST_TEXT, set_keep_results},
    {"x-delivery-limit", "a number from 1 to " MOST_TEXT, set_delivery_limit},
};
#define ARGUMENT_COUNT (sizeof arguments / sizeof *arguments)

bool need_parse(const field_t *f, need_t *out)
{
    static const struct {
        const char *word;
        need_t need;
    } words[] = {{"all", {NEED_ALL, 0}},
                 {"quorum", {NEED_QUORUM, 0}},
                 {"one", {NEED_COUNT, 1}},
                 {"none", {NEED_NONE, 0}}};
    uint64_t n;
    if (in_range(f, 0, UINT32_MAX - 1, &n) ||
        (f->tag == 'S' && text_parse_u64(f->octets, &n) && n < UINT32_MAX)) {
        *out = n > 0 ? (need_t){NEED_COUNT, (uint32_t)n} : (need_t){NEED_NONE, 0};
        return true;
    }
    for (size_t i = 0; f->tag == 'S' && i < sizeof words / sizeof *words; i++) {
        if (bytes_equal(f->octets, bytes_string(words[i].word))) {
            *out = words[i].need;
            return true;
        }
    }
    return false;
}

static refusal_t *refuse_value(const command_t *cmd, const vhost_t *v, const struct argument *a,
                               const field_t *f)
{
    char value[128];
    field_text(f, value, sizeof value);
    return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                       "invalid arg '%s' for " EXCHANGE_FORMAT ": '%s', expected %s", a->name,
                       NAMED_ARG(cmd->request->name, v), value, a->expected);
}

refusal_t *sync_arguments_check(const command_t *cmd, const vhost_t *v)
{
    bytes_t all = cmd->request->arguments;
    sequencer_t any;
    field_t f;
    bool is_sync = table_find(all, BYTES("x-sync"), &f);
    if (table_find(all, BYTES("x-replay"), &f))
        return refusal_new(REFUSAL_NOT_IMPLEMENTED, cmd->cause,
                           "argument 'x-replay' for " EXCHANGE_FORMAT
                           " is not supported: bus.topic.NAME = exchange=… replay=… says it",
                           NAMED_ARG(cmd->request->name, v));
    for (size_t i = 0; i < ARGUMENT_COUNT; i++) {
        if (!table_find(all, bytes_string(arguments[i].name), &f))
            continue;
        if (!is_sync)
            return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                               "invalid arg '%s' for " EXCHANGE_FORMAT ": it means nothing without 'x-sync'",
                               arguments[i].name, NAMED_ARG(cmd->request->name, v));
        if (!arguments[i].set(&any, &f))
            return refuse_value(cmd, v, &arguments[i], &f);
    }
    return NULL;
}

refusal_t *sync_arguments_compare(const command_t *cmd, const exchange_t *x)
{
    field_t received, current;
    for (size_t i = 0; i < ARGUMENT_COUNT; i++) {
        bytes_t name = bytes_string(arguments[i].name);
        if (!table_find(cmd->request->arguments, name, &received))
            continue;
        char got[128], has[128] = "none";
        field_text(&received, got, sizeof got);
        bool is_set = table_find(x->arguments, name, &current);
        if (is_set)
            field_text(&current, has, sizeof has);
        if (!is_set || !field_equal(&received, &current))
            return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                               "inequivalent arg '%s' for " EXCHANGE_FORMAT
                               ": received '%s' but current is '%s'",
                               arguments[i].name, NAMED_ARG(x->name, x->vhost), got, has);
    }
    return NULL;
}

void sequencer_start(exchange_t *x)
{
    field_t f;
    bool events = bytes_equal(x->name, BYTES("amq.events"));
    if (!events && !table_find(x->arguments, BYTES("x-sync"), &f))
        return;
    sequencer_t *s = MEM_NEW(sequencer_t);
    *s = (sequencer_t){
        .exchange = x,
        .need = {NEED_ALL, 0},
        .timeout_ms = SYNC_TIMEOUT_MS,
        .window = SYNC_WINDOW,
        .dedup = SYNC_DEDUP,
        .delivery_limit = SYNC_DELIVERY_LIMIT,
        .next = 1,
        .reserved = 1,
        .safe = 1,
    };
    for (size_t i = 0; i < ARGUMENT_COUNT; i++)
        if (table_find(x->arguments, bytes_string(arguments[i].name), &f))
            (void)arguments[i].set(s, &f);
    list_init(&s->windows);
    list_init(&s->waiting);
    list_init(&s->stated.link);
    list_init(&s->finished);
    list_init(&s->nameless);
    s->whole = &s->finished;
    list_init(&s->recovering);
    hash_init(&s->ids, sync_id_of);
    hash_init(&s->kept, sync_seq_of);
    x->sequencer = s;
}
