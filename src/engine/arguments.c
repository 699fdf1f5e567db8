/* SPDX-License-Identifier: Apache-2.0
 *
 * arguments.c: the arguments of queue.declare: which there are, for which queue types, what values they may
 * have, and whether chaski does what they ask. One table; RabbitMQ's reasons as it prints them (Erlang
 * terms).
 *
 * An argument whose effect does not exist yet is refused by name (540), never accepted and ignored. Those
 * that mean nothing on a single node, in RabbitMQ 4 either, are accepted. */
#include "engine/engine_internal.h"

enum queue_types { C = 1, Q = 2, S = 4 };

enum effect {
    WORKS,              /* or needs no effect */
    MISSING,            /* refused with 540 */
    MISSING_UNLESS_OFF, /* 540, except for the value that asks for nothing: 0, false, negative */
};

/* Writes the reason and returns false if the value may not be. */
typedef bool argument_check_t(const field_t *f, bytes_t all, char *reason, size_t reason_bytes);

#define MAX_MS 315360000000 /* ten years */

static bool unacceptable_type(const field_t *f, char *reason, size_t n)
{
    text_format(reason, n, "{unacceptable_type,%s}", field_type_name(f->tag));
    return false;
}

static bool out_of_range(const char *why, int64_t value, char *reason, size_t n)
{
    text_format(reason, n, "{%s,%lld}", why, (long long)value);
    return false;
}

static bool check_integer(const field_t *f, char *reason, size_t n)
{
    if (field_is_integer(f))
        return true;
    text_format(reason, n, "\"expected integer, got %s\"", field_type_name(f->tag));
    return false;
}

static bool check_any_integer(const field_t *f, bytes_t all, char *reason, size_t n)
{
    (void)all;
    return check_integer(f, reason, n);
}

static bool check_not_negative(const field_t *f, bytes_t all, char *reason, size_t n)
{
    (void)all;
    if (!check_integer(f, reason, n))
        return false;
    return field_integer(f) >= 0 || out_of_range("value_negative", field_integer(f), reason, n);
}

static bool check_ttl(const field_t *f, bytes_t all, char *reason, size_t n)
{
    if (!check_not_negative(f, all, reason, n))
        return false;
    return field_integer(f) <= MAX_MS || out_of_range("value_too_large", field_integer(f), reason, n);
}

static bool check_positive(const field_t *f, bytes_t all, char *reason, size_t n)
{
    if (!check_not_negative(f, all, reason, n))
        return false;
    return field_integer(f) > 0 || out_of_range("value_zero", 0, reason, n);
}

static bool check_expires(const field_t *f, bytes_t all, char *reason, size_t n)
{
    return check_ttl(f, all, reason, n) && check_positive(f, all, reason, n);
}

static bool check_priority(const field_t *f, bytes_t all, char *reason, size_t n)
{
    if (!check_not_negative(f, all, reason, n))
        return false;
    return field_integer(f) <= 255 || out_of_range("max_value_exceeded", field_integer(f), reason, n);
}

static bool check_bool(const field_t *f, bytes_t all, char *reason, size_t n)
{
    (void)all;
    return f->tag == 't' || unacceptable_type(f, reason, n);
}

static bool check_anything(const field_t *f, bytes_t all, char *reason, size_t n)
{
    (void)f, (void)all, (void)reason, (void)n;
    return true;
}

/* A word of a list "a b c"; else `otherwise`, in which %s is the word. */
static bool check_word(const field_t *f, const char *words, const char *otherwise, char *reason, size_t n)
{
    if (f->tag != 'S')
        return unacceptable_type(f, reason, n);
    for (const char *w = words; *w;) {
        size_t len = strcspn(w, " ");
        if (bytes_equal(f->octets, bytes_make(w, len)))
            return true;
        w += len + (w[len] == ' ');
    }
    char word[128];
    field_text(f, word, sizeof word);
    const char *at = strstr(otherwise, "%s");
    if (at)
        text_format(reason, n, "\"%.*s%s%s\"", (int)(at - otherwise), otherwise, word, at + 2);
    else
        text_format(reason, n, "%s", otherwise);
    return false;
}

static bool check_overflow(const field_t *f, bytes_t all, char *reason, size_t n)
{
    (void)all;
    return check_word(f, "drop-head reject-publish reject-publish-dlx", "invalid_overflow", reason, n);
}

static bool check_routing_key(const field_t *f, bytes_t all, char *reason, size_t n)
{
    field_t dlx;
    if (f->tag != 'S')
        return unacceptable_type(f, reason, n);
    if (table_find(all, BYTES("x-dead-letter-exchange"), &dlx))
        return true;
    text_format(reason, n, "routing_key_but_no_dlx_defined");
    return false;
}

static bool check_strategy(const field_t *f, bytes_t all, char *reason, size_t n)
{
    (void)all;
    return check_word(f, "at-most-once at-least-once", "invalid_dlx_strategy", reason, n);
}

static bool check_version(const field_t *f, bytes_t all, char *reason, size_t n)
{
    if (!check_not_negative(f, all, reason, n))
        return false;
    int64_t version = field_integer(f);
    if (version != 1 && version != 2)
        text_format(reason, n, "\"unsupported queue version '%lld'\"", (long long)version);
    return version == 1 || version == 2;
}

static bool check_type(const field_t *f, bytes_t all, char *reason, size_t n)
{
    (void)all;
    return check_word(f, "classic quorum stream", "unsupported queue type '%s'", reason, n);
}

static bool check_locator(const field_t *f, bytes_t all, char *reason, size_t n)
{
    (void)all;
    return check_word(f, "client-local balanced random least-leaders", "invalid_queue_locator_arg", reason,
                      n);
}

static bool check_retry(const field_t *f, bytes_t all, char *reason, size_t n)
{
    (void)all;
    return check_word(f, "disabled all failed returned", "invalid_delayed_retry_type", reason, n);
}

/* <n> and one of Y M D h m s, n > 0. */
static bool check_max_age(const field_t *f, bytes_t all, char *reason, size_t n)
{
    (void)all;
    if (f->tag != 'S')
        return unacceptable_type(f, reason, n);
    uint64_t count = 0;
    size_t len = f->octets.len;
    if (len >= 2 && memchr("YMDhms", f->octets.data[len - 1], 6) &&
        text_parse_u64(bytes_make(f->octets.data, len - 1), &count) && count > 0)
        return true;
    text_format(reason, n, "invalid_max_age");
    return false;
}

static bool check_segment(const field_t *f, bytes_t all, char *reason, size_t n)
{
    if (!check_not_negative(f, all, reason, n))
        return false;
    if (field_integer(f) > 3000000000)
        text_format(reason, n, "\"Exceeded max value for x-stream-max-segment-size-bytes\"");
    return field_integer(f) <= 3000000000;
}

static bool check_filter(const field_t *f, bytes_t all, char *reason, size_t n)
{
    (void)all;
    if (!check_integer(f, reason, n))
        return false;
    int64_t v = field_integer(f);
    return (v >= 16 && v <= 255) ||
           out_of_range(v < 16 ? "value_too_small" : "value_too_large", v, reason, n);
}

static const struct argument {
    const char *name;
    uint8_t types;
    argument_check_t *check;
    enum effect effect;
} arguments[] = {
    {"x-expires", C | Q, check_expires, WORKS},
    {"x-message-ttl", C | Q, check_ttl, MISSING},
    {"x-dead-letter-exchange", C | Q, check_anything /* its type is looked at first */, MISSING},
    {"x-dead-letter-routing-key", C | Q, check_routing_key, MISSING},
    {"x-dead-letter-strategy", Q, check_strategy, MISSING},
    {"x-max-length", C | Q, check_not_negative, MISSING},
    {"x-max-length-bytes", C | Q | S, check_not_negative, MISSING},
    {"x-max-in-memory-length", Q, check_not_negative, WORKS},
    {"x-max-in-memory-bytes", Q, check_not_negative, WORKS},
    {"x-max-priority", C, check_priority, MISSING_UNLESS_OFF},
    {"x-overflow", C | Q, check_overflow, MISSING},
    {"x-queue-mode", C, check_anything, WORKS},
    {"x-queue-version", C, check_version, WORKS},
    {"x-single-active-consumer", C | Q, check_bool, MISSING_UNLESS_OFF},
    {"x-queue-type", C | Q | S, check_type, WORKS},
    {"x-queue-master-locator", C, check_anything, WORKS},
    {"x-queue-leader-locator", C | Q | S, check_locator, WORKS},
    {"x-delivery-limit", Q, check_any_integer, MISSING_UNLESS_OFF},
    {"x-quorum-initial-group-size", Q, check_positive, WORKS},
    {"x-initial-cluster-size", S, check_positive, WORKS},
    {"x-max-age", S, check_max_age, MISSING},
    {"x-stream-max-segment-size-bytes", S, check_segment, MISSING},
    {"x-stream-filter-size-bytes", S, check_filter, MISSING},
    {"x-consumer-timeout", Q, check_not_negative, MISSING},
    {"x-delayed-retry-type", Q, check_retry, MISSING},
    {"x-delayed-retry-min", Q, check_not_negative, MISSING},
    {"x-delayed-retry-max", Q, check_not_negative, MISSING},
    {"x-message-deduplication", C | Q, check_anything /* dedup/settings.c does */, WORKS},
    {"x-deduplication-header", C | Q, check_anything, WORKS},
    {"x-cache-size", C | Q, check_anything, WORKS},
    {"x-cache-ttl", C | Q, check_anything, WORKS},
};
#define ARGUMENT_COUNT (sizeof arguments / sizeof *arguments)

static bytes_t type_word(bytes_t all)
{
    field_t f;
    return table_find(all, BYTES("x-queue-type"), &f) && f.tag == 'S' ? f.octets : BYTES("classic");
}

static bool is_off(const struct argument *a, const field_t *f)
{
    int64_t v = field_integer(f);
    return bytes_equal(bytes_string(a->name), BYTES("x-delivery-limit")) ? v < 0 : v == 0;
}

/* One that is given. NULL, or why not. */
static refusal_t *check_one(const command_t *cmd, const vhost_t *v, const struct argument *a,
                            const field_t *f)
{
    char reason[256];
    if (a->check(f, cmd->request->arguments, reason, sizeof reason))
        return NULL;
    return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause, "invalid arg '%s' for " QUEUE_FORMAT ": %s",
                       a->name, NAMED_ARG(cmd->request->name, v), reason);
}

static refusal_t *check_type_and_effect(const command_t *cmd, const vhost_t *v, uint8_t type,
                                        const struct argument *a, const field_t *f)
{
    if (!(a->types & type))
        return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                           "invalid arg '%s' for " QUEUE_FORMAT " of queue type %s", a->name,
                           NAMED_ARG(cmd->request->name, v),
                           type == C ? "rabbit_classic_queue" : "rabbit_quorum_queue");
    if (a->effect == WORKS || (a->effect == MISSING_UNLESS_OFF && is_off(a, f)))
        return NULL;
    return refusal_new(REFUSAL_NOT_IMPLEMENTED, cmd->cause,
                       "argument '%s' for " QUEUE_FORMAT " is not supported", a->name,
                       NAMED_ARG(cmd->request->name, v));
}

/* Before all others: the dead letter exchange is a name. */
static refusal_t *check_dead_letter_type(const command_t *cmd, const vhost_t *v)
{
    field_t f;
    if (!table_find(cmd->request->arguments, BYTES("x-dead-letter-exchange"), &f) || f.tag == 'S')
        return NULL;
    return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                       "invalid type '%s' for arg 'x-dead-letter-exchange' in " QUEUE_FORMAT,
                       field_type_name(f.tag), NAMED_ARG(cmd->request->name, v));
}

refusal_t *queue_arguments_check(const command_t *cmd, vhost_t *v, queue_type_t *type)
{
    bytes_t all = cmd->request->arguments;
    refusal_t *why = check_dead_letter_type(cmd, v);
    field_t f;
    for (size_t i = 0; why == NULL && i < ARGUMENT_COUNT; i++)
        if (table_find(all, bytes_string(arguments[i].name), &f))
            why = check_one(cmd, v, &arguments[i], &f);

    bytes_t word = type_word(all);
    if (why == NULL && bytes_equal(word, BYTES("stream")))
        why = refusal_new(REFUSAL_NOT_IMPLEMENTED, cmd->cause,
                          "argument 'x-queue-type' = 'stream' for " QUEUE_FORMAT " is not supported",
                          NAMED_ARG(cmd->request->name, v));
    *type = bytes_equal(word, BYTES("quorum")) ? QUEUE_QUORUM : QUEUE_CLASSIC;
    for (size_t i = 0; why == NULL && i < ARGUMENT_COUNT; i++)
        if (table_find(all, bytes_string(arguments[i].name), &f))
            why = check_type_and_effect(cmd, v, *type == QUEUE_QUORUM ? Q : C, &arguments[i], &f);
    return why ? why : dedup_arguments_check(cmd, v, "queue");
}

/* "'1000'"; where one of the two is absent "none" or "the value '1000' of type 'signedint'". */
static void describe(const field_t *f, const field_t *other, char *out, size_t n)
{
    char value[256];
    if (f == NULL) {
        text_format(out, n, "none");
        return;
    }
    field_text(f, value, sizeof value);
    if (other)
        text_format(out, n, "'%s'", value);
    else
        text_format(out, n, "the value '%s' of type '%s'", value, field_type_name(f->tag));
}

static refusal_t *refuse_inequivalent(const command_t *cmd, const char *argument, const field_t *theirs,
                                      const field_t *ours, const char *what, bytes_t name, const vhost_t *v)
{
    char a[512], b[512];
    describe(theirs, ours, a, sizeof a);
    describe(ours, theirs, b, sizeof b);
    return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                       "inequivalent arg '%s' for %s '%.*s' in vhost '%.*s': received %s but current is %s",
                       argument, what, NAMED_ARG(name, v), a, b);
}

refusal_t *argument_compare(const command_t *cmd, const char *argument, bytes_t ours, const char *what,
                            bytes_t name, const vhost_t *v)
{
    static const bytes_t classic = {(const uint8_t *)"classic", 7};
    field_t received, current;
    bool has_received = table_find(cmd->request->arguments, bytes_string(argument), &received);
    bool has_current = table_find(ours, bytes_string(argument), &current);
    if (bytes_equal(bytes_string(argument), BYTES("x-queue-type"))) { /* absent means classic */
        received = has_received ? received : (field_t){'S', classic};
        current = has_current ? current : (field_t){'S', classic};
        has_received = has_current = true;
    }
    if (has_received == has_current && (!has_received || field_equal(&received, &current)))
        return NULL;
    return refuse_inequivalent(cmd, argument, has_received ? &received : NULL, has_current ? &current : NULL,
                               what, name, v);
}

refusal_t *queue_arguments_compare(const command_t *cmd, const queue_t *q)
{
    refusal_t *why = NULL;
    for (size_t i = 0; i < ARGUMENT_COUNT && why == NULL; i++)
        if (arguments[i].types & (q->type == QUEUE_QUORUM ? Q : C))
            why = argument_compare(cmd, arguments[i].name, q->arguments, "queue", q->name, q->vhost);
    return why;
}
