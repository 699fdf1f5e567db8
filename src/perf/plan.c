/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.c: names, bindings and the frames of each key. */
#include "perf/plan.h"

#include "amqp/codec.h"
#include "base/alloc.h"
#include "base/properties.h"
#include "base/table.h"
#include "base/text.h"

static const char *const type_names[] = {
    [PERF_DEFAULT] = "",    [PERF_DIRECT] = "direct",   [PERF_FANOUT] = "fanout",
    [PERF_TOPIC] = "topic", [PERF_HEADERS] = "headers",
};

/* The binding that fits a key. */
static size_t binding_of(const perf_options_t *o, size_t key)
{
    return key * o->bindings / o->keys;
}

static size_t queue_of(const perf_options_t *o, size_t key)
{
    return o->type == PERF_FANOUT ? 0 : key * o->queues / o->keys;
}

/* Bindings that fit no key go where the last one that does goes. */
static size_t queue_of_binding(const perf_options_t *o, size_t binding)
{
    return queue_of(o, ((binding + 1) * o->keys - 1) / o->bindings);
}

/* ---- texts ---- */

typedef struct name {
    char text[64];
} name_t;

static name_t routing_key(const plan_t *p, size_t binding)
{
    name_t n;
    const char *form = p->options->type == PERF_TOPIC ? "perf.%zu.event" : "perf.%zu";
    if (p->options->type == PERF_DEFAULT)
        text_format(n.text, sizeof n.text, "%s", p->queues[binding].name);
    else
        text_format(n.text, sizeof n.text, form, binding);
    return n;
}

static name_t binding_key(const plan_t *p, size_t binding)
{
    name_t n = routing_key(p, binding);
    if (p->options->type == PERF_TOPIC)
        text_format(n.text, sizeof n.text, binding % 2 == 0 ? "perf.%zu.*" : "perf.%zu.#", binding);
    return n;
}

/* The table {"number": binding}, for a binding with "x-match" too. */
static void write_criteria(buffer_t *out, size_t binding, bool match)
{
    if (match)
        table_put_string(out, "x-match", BYTES("all"));
    table_put_long(out, "number", (int64_t)binding);
}

/* ---- the frames of a publish ---- */

/* Flags and values as base/properties.h has them: headers, then the delivery mode. */
static void write_properties(const plan_t *p, size_t binding, buffer_t *out)
{
    bool headers = p->options->type == PERF_HEADERS, persistent = p->options->persistent;
    write_u16(out, (uint16_t)((headers ? PROPERTY_FLAG(PROPERTY_HEADERS) : 0) |
                              (persistent ? PROPERTY_FLAG(PROPERTY_DELIVERY_MODE) : 0)));
    if (headers) {
        size_t mark = write_length_u32(out);
        write_criteria(out, binding, false);
        patch_length_u32(out, mark);
    }
    if (persistent)
        write_u8(out, 2);
}

static void write_publish(plan_t *p, size_t key)
{
    size_t binding = binding_of(p->options, key);
    name_t route = routing_key(p, binding);
    buffer_t properties = {0};
    write_properties(p, binding, &properties);
    amqp_write_method(&p->frames, LINK_CHANNEL, AMQP_basic_publish,
                      &(amqp_basic_publish_t){.exchange = bytes_string(p->exchange),
                                              .routing_key = bytes_string(route.text)});
    amqp_write_header(&p->frames, LINK_CHANNEL, p->options->body_bytes, buffer_bytes(&properties));
    buffer_free(&properties);
}

/* ---- the plan ---- */

static void make_keys(plan_t *p)
{
    const perf_options_t *o = p->options;
    p->keys = mem_zero(o->keys * sizeof *p->keys);
    size_t *ends = mem_alloc(o->keys * sizeof *ends);
    for (size_t i = 0; i < o->keys; i++) {
        p->keys[i].queue = queue_of(o, i);
        p->keys[i].slot = p->queues[p->keys[i].queue].slots++;
        write_publish(p, i);
        ends[i] = p->frames.len;
    }
    for (size_t i = 0, begin = 0; i < o->keys; begin = ends[i++])
        p->keys[i].frames = bytes_make(p->frames.data + begin, ends[i] - begin);
    mem_free(ends);
}

void plan_init(plan_t *p, const perf_options_t *o)
{
    *p = (plan_t){.options = o, .exchange = o->type == PERF_DEFAULT ? "" : "chaski-perf"};
    p->queues = mem_zero(o->queues * sizeof *p->queues);
    for (size_t i = 0; i < o->queues; i++)
        text_format(p->queues[i].name, sizeof p->queues[i].name, "chaski-perf-%zu", i);
    make_keys(p);
    for (size_t i = 0; i < o->queues; i++) {
        if (o->type == PERF_FANOUT)
            p->queues[i].slots = 1;
        p->queues[i].streams = mem_zero(p->queues[i].slots * o->producers * sizeof(stream_t));
    }
    pattern_init(&p->pattern, o->body_bytes);
}

void plan_deinit(plan_t *p)
{
    for (size_t i = 0; i < p->options->queues; i++) {
        for (size_t k = 0; k < p->queues[i].slots * p->options->producers; k++)
            stream_deinit(&p->queues[i].streams[k]);
        mem_free(p->queues[i].streams);
    }
    mem_free(p->queues);
    mem_free(p->keys);
    buffer_free(&p->frames);
    pattern_deinit(&p->pattern);
}

/* ---- on the broker ---- */

static size_t write_queue_setup(const plan_t *p, const char *name, buffer_t *out)
{
    bytes_t queue = bytes_string(name);
    amqp_write_method(out, LINK_CHANNEL, AMQP_queue_declare,
                      &(amqp_queue_declare_t){.queue = queue, .durable = p->options->durable});
    if (p->options->mode == PERF_DRAIN)
        return 1;
    amqp_write_method(out, LINK_CHANNEL, AMQP_queue_purge, &(amqp_queue_purge_t){.queue = queue});
    return 2;
}

static void write_bind(const plan_t *p, size_t queue, size_t binding, buffer_t *out)
{
    name_t key = binding_key(p, binding);
    buffer_t arguments = {0};
    if (p->options->type == PERF_HEADERS)
        write_criteria(&arguments, binding, true);
    amqp_write_method(out, LINK_CHANNEL, AMQP_queue_bind,
                      &(amqp_queue_bind_t){.queue = bytes_string(p->queues[queue].name),
                                           .exchange = bytes_string(p->exchange),
                                           .routing_key = bytes_string(key.text),
                                           .arguments = buffer_bytes(&arguments)});
    buffer_free(&arguments);
}

static size_t write_exchange_setup(const plan_t *p, buffer_t *out)
{
    const perf_options_t *o = p->options;
    amqp_write_method(out, LINK_CHANNEL, AMQP_exchange_declare,
                      &(amqp_exchange_declare_t){.exchange = bytes_string(p->exchange),
                                                 .type = bytes_string(type_names[o->type]),
                                                 .durable = o->durable});
    bool fanout = o->type == PERF_FANOUT;
    size_t count = fanout ? o->queues : o->bindings;
    for (size_t i = 0; i < count; i++)
        write_bind(p, fanout ? i : queue_of_binding(o, i), fanout ? 0 : i, out);
    return count + 1;
}

size_t plan_write_setup(const plan_t *p, buffer_t *out)
{
    size_t answers = 0;
    for (size_t i = 0; i < p->options->queues; i++)
        answers += write_queue_setup(p, p->queues[i].name, out);
    return p->options->type == PERF_DEFAULT ? answers : answers + write_exchange_setup(p, out);
}

size_t plan_write_removal(const plan_t *p, buffer_t *out)
{
    for (size_t i = 0; i < p->options->queues; i++)
        amqp_write_method(out, LINK_CHANNEL, AMQP_queue_delete,
                          &(amqp_queue_delete_t){.queue = bytes_string(p->queues[i].name)});
    if (p->options->type == PERF_DEFAULT)
        return p->options->queues;
    amqp_write_method(out, LINK_CHANNEL, AMQP_exchange_delete,
                      &(amqp_exchange_delete_t){.exchange = bytes_string(p->exchange)});
    return p->options->queues + 1;
}

/* ---- what is to come ---- */

uint64_t plan_published_with(const plan_t *p, uint64_t published, size_t key)
{
    return published / p->options->keys + (key < published % p->options->keys);
}

bool plan_leads_to(const plan_t *p, size_t key, size_t queue)
{
    return key < p->options->keys && (p->options->type == PERF_FANOUT || p->keys[key].queue == queue);
}

size_t plan_stream(const plan_t *p, const stamp_t *s)
{
    return p->keys[s->key].slot * p->options->producers + s->producer;
}

uint64_t plan_deliveries(const plan_t *p, uint64_t published)
{
    return p->options->type == PERF_FANOUT ? published * p->options->queues : published;
}

static uint64_t missing_of_key(const plan_t *p, size_t queue, size_t key, const uint64_t *published)
{
    uint64_t missing = 0;
    for (uint32_t i = 0; i < p->options->producers; i++) {
        const stream_t *s =
            &p->queues[queue].streams[plan_stream(p, &(stamp_t){.producer = i, .key = (uint32_t)key})];
        uint64_t expected = published ? plan_published_with(p, published[i], key) : stream_end(s);
        missing += stream_missing(s, expected);
    }
    return missing;
}

uint64_t plan_missing(const plan_t *p, const uint64_t *published)
{
    uint64_t missing = 0;
    for (size_t key = 0; key < p->options->keys; key++)
        for (size_t q = 0; q < p->options->queues; q++)
            if (plan_leads_to(p, key, q))
                missing += missing_of_key(p, q, key, published);
    return missing;
}
