/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan: what is said to a broker is decoded again, a plain model of the broker routes each key by it, and that must be
 * where the plan expects its messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp/codec.h"
#include "base/alloc.h"
#include "base/properties.h"
#include "base/table.h"
#include "perf/plan.h"

/* ---- plans ---- */

static const perf_options_t some_options[] = {
    {.type = PERF_DEFAULT, .queues = 1, .keys = 1, .bindings = 1, .producers = 1},
    {.type = PERF_DEFAULT, .queues = 7, .keys = 7, .bindings = 7, .producers = 3},
    {.type = PERF_FANOUT, .queues = 1, .keys = 1, .bindings = 1, .producers = 2},
    {.type = PERF_FANOUT, .queues = 5, .keys = 1, .bindings = 1, .producers = 3},
    {.type = PERF_DIRECT, .queues = 1, .keys = 4, .bindings = 4, .producers = 2},
    {.type = PERF_DIRECT, .queues = 3, .keys = 6, .bindings = 9, .producers = 3},
    {.type = PERF_DIRECT, .queues = 10, .keys = 10, .bindings = 1000, .producers = 1},
    {.type = PERF_DIRECT, .queues = 4, .keys = 2, .bindings = 2, .producers = 2},
    {.type = PERF_TOPIC, .queues = 3, .keys = 7, .bindings = 11, .producers = 2},
    {.type = PERF_TOPIC, .queues = 4, .keys = 8, .bindings = 8, .producers = 1},
    {.type = PERF_TOPIC, .queues = 2, .keys = 100, .bindings = 1000, .producers = 2},
    {.type = PERF_HEADERS, .queues = 3, .keys = 7, .bindings = 11, .producers = 2},
    {.type = PERF_HEADERS, .queues = 2, .keys = 30, .bindings = 30, .producers = 4},
};

static perf_options_t current; /* a plan points to its options */

static plan_t plan_with(perf_options_t o)
{
    plan_t p;
    current = o;
    if (current.body_bytes == 0)
        current.body_bytes = 16;
    plan_init(&p, &current);
    return p;
}

static void for_each_plan(void (*check)(plan_t *p))
{
    for (size_t i = 0; i < sizeof some_options / sizeof *some_options; i++) {
        plan_t p = plan_with(some_options[i]);
        check(&p);
        plan_deinit(&p);
    }
}

/* ---- frames ---- */

static bytes_t take_frame(bytes_reader_t *r, uint8_t type)
{
    bytes_t head = read_bytes(r, AMQP_FRAME_HEAD_BYTES);
    assert_true(reader_ok(r));
    amqp_frame_head_t h = amqp_frame_head_decode(head.data);
    bytes_t payload = read_bytes(r, h.payload_bytes);
    assert_int_equal(read_u8(r), AMQP_FRAME_END);
    assert_true(reader_ok(r));
    assert_int_equal(h.type, type);
    assert_int_equal(h.channel, 1);
    return payload;
}

static amqp_method_id take_method(bytes_reader_t *r, amqp_method_t *out)
{
    bytes_reader_t payload = bytes_reader(take_frame(r, AMQP_FRAME_METHOD));
    amqp_method_id id = read_u32(&payload);
    const amqp_method_info_t *info = amqp_method_find(id);
    assert_non_null(info);
    assert_int_equal(amqp_method_decode(info, read_bytes(&payload, reader_left(&payload)), out),
                     AMQP_DECODED);
    return id;
}

static bool is_text(bytes_t b, const char *text)
{
    return bytes_equal(b, bytes_string(text));
}

/* What a publish with a key says. */
typedef struct said {
    amqp_basic_publish_t publish;
    amqp_content_header_t header;
} said_t;

static said_t decode_key(const plan_t *p, size_t key)
{
    amqp_method_t m;
    said_t s;
    bytes_reader_t r = bytes_reader(p->keys[key].frames);
    assert_int_equal(take_method(&r, &m), AMQP_basic_publish);
    s.publish = m.basic_publish;
    assert_true(amqp_content_header_decode(take_frame(&r, AMQP_FRAME_HEADER), &s.header));
    assert_true(reader_done(&r)); /* the body comes behind */
    return s;
}

/* ---- a plain model of the broker ---- */

typedef struct binding {
    bytes_t queue, key, arguments;
} binding_t;

typedef struct model {
    buffer_t requests;
    size_t answers;
    bytes_t *queues;
    binding_t *bindings;
    size_t queue_count, binding_count, purge_count, durable_count;
    bytes_t exchange, exchange_type; /* NULL: none was declared */
    bool exchange_durable;
} model_t;

static void obey(model_t *m, amqp_method_id id, const amqp_method_t *said)
{
    switch (id) {
    case AMQP_queue_declare:
        assert_false(said->queue_declare.passive || said->queue_declare.exclusive ||
                     said->queue_declare.auto_delete || said->queue_declare.nowait);
        m->durable_count += said->queue_declare.durable;
        m->queues[m->queue_count++] = said->queue_declare.queue;
        break;
    case AMQP_queue_purge:
        assert_true(bytes_equal(said->queue_purge.queue, m->queues[m->queue_count - 1]));
        assert_false(said->queue_purge.nowait);
        m->purge_count++;
        break;
    case AMQP_exchange_declare:
        assert_null(m->exchange.data);
        assert_false(said->exchange_declare.nowait);
        m->exchange = said->exchange_declare.exchange;
        m->exchange_type = said->exchange_declare.type;
        m->exchange_durable = said->exchange_declare.durable;
        break;
    case AMQP_queue_bind:
        assert_true(bytes_equal(said->queue_bind.exchange, m->exchange));
        assert_false(said->queue_bind.nowait);
        assert_true(table_valid(said->queue_bind.arguments));
        m->bindings[m->binding_count++] =
            (binding_t){said->queue_bind.queue, said->queue_bind.routing_key, said->queue_bind.arguments};
        break;
    default:
        fail_msg("%s", amqp_method_name(amqp_method_find(id)));
    }
}

/* Does what the plan's setup asks for. */
static model_t *model_of(const plan_t *p)
{
    model_t *m = MEM_NEW(model_t);
    amqp_method_t said;
    size_t answers = 0;
    m->answers = plan_write_setup(p, &m->requests);
    m->queues = mem_zero(m->answers * sizeof *m->queues);
    m->bindings = mem_zero(m->answers * sizeof *m->bindings);
    bytes_reader_t r = bytes_reader(buffer_bytes(&m->requests));
    for (; reader_left(&r) > 0; answers++) {
        amqp_method_id id = take_method(&r, &said);
        obey(m, id, &said);
    }
    assert_int_equal(answers, m->answers);
    return m;
}

static void model_free(model_t *m)
{
    buffer_free(&m->requests);
    mem_free(m->queues);
    mem_free(m->bindings);
    mem_free(m);
}

/* "a.b.c" as one word fewer: takes the first word off. */
static bytes_t take_word(bytes_t *text)
{
    const uint8_t *dot = text->len > 0 ? memchr(text->data, '.', text->len) : NULL;
    size_t len = dot ? (size_t)(dot - text->data) : text->len;
    bytes_t word = bytes_make(text->data, len);
    *text = dot ? bytes_make(dot + 1, text->len - len - 1) : bytes_make(NULL, 0);
    return word;
}

static bool topic_fits(bytes_t pattern, bytes_t key)
{
    while (pattern.len > 0) {
        bytes_t wanted = take_word(&pattern);
        if (is_text(wanted, "#"))
            return true; /* it stands at the end alone */
        if (key.len == 0)
            return false;
        bytes_t word = take_word(&key);
        if (!is_text(wanted, "*") && !bytes_equal(wanted, word))
            return false;
    }
    return key.len == 0;
}

static bool headers_fit(bytes_t arguments, bytes_t properties)
{
    field_t match, wanted, got;
    assert_true(table_find(arguments, BYTES("x-match"), &match) && is_text(match.octets, "all"));
    assert_int_equal(table_count(arguments), 2);
    assert_true(table_find(arguments, BYTES("number"), &wanted));
    assert_true(table_find(properties_headers(properties), BYTES("number"), &got));
    return field_equal(&wanted, &got);
}

static bool fits(const model_t *m, const binding_t *b, const said_t *s)
{
    if (is_text(m->exchange_type, "fanout"))
        return true;
    if (is_text(m->exchange_type, "direct"))
        return bytes_equal(b->key, s->publish.routing_key);
    if (is_text(m->exchange_type, "topic"))
        return topic_fits(b->key, s->publish.routing_key);
    assert_true(is_text(m->exchange_type, "headers"));
    return headers_fit(b->arguments, s->header.properties);
}

/* How many bindings lead a message with the key to the queue. */
static size_t ways(const model_t *m, const said_t *s, bytes_t queue)
{
    size_t count = 0;
    if (s->publish.exchange.len == 0)
        return bytes_equal(s->publish.routing_key, queue);
    assert_true(bytes_equal(s->publish.exchange, m->exchange));
    for (size_t i = 0; i < m->binding_count; i++)
        count += bytes_equal(m->bindings[i].queue, queue) && fits(m, &m->bindings[i], s);
    return count;
}

/* ---- where messages go ---- */

static void check_ways(plan_t *p)
{
    const perf_options_t *o = p->options;
    model_t *m = model_of(p);
    assert_int_equal(m->queue_count, o->queues);
    for (size_t key = 0; key < o->keys; key++) {
        said_t s = decode_key(p, key);
        for (size_t q = 0; q < o->queues; q++) {
            assert_true(is_text(m->queues[q], p->queues[q].name));
            assert_int_equal(ways(m, &s, m->queues[q]), plan_leads_to(p, key, q));
        }
    }
    model_free(m);
}

static void a_key_leads_to_its_queue_by_one_binding_and_nowhere_else(void **state)
{
    (void)state;
    for_each_plan(check_ways);
}

static void check_queue_count(plan_t *p)
{
    for (size_t key = 0; key < p->options->keys; key++) {
        size_t queues = 0;
        for (size_t q = 0; q < p->options->queues; q++)
            queues += plan_leads_to(p, key, q);
        assert_int_equal(queues, p->options->type == PERF_FANOUT ? p->options->queues : 1);
    }
}

static void a_key_leads_to_one_queue_but_with_a_fanout_to_all(void **state)
{
    (void)state;
    for_each_plan(check_queue_count);
}

static void a_key_that_is_none_leads_nowhere(void **state)
{
    (void)state;
    plan_t p = plan_with((perf_options_t){.type = PERF_FANOUT, .queues = 2, .keys = 1, .producers = 1});
    assert_true(plan_leads_to(&p, 0, 1));
    assert_false(plan_leads_to(&p, 1, 1));
    plan_deinit(&p);
    p = plan_with((perf_options_t){.queues = 2, .keys = 2, .bindings = 2, .producers = 1});
    assert_false(plan_leads_to(&p, 2, 0) || plan_leads_to(&p, 0xfffff, 1));
    plan_deinit(&p);
}

static size_t keys_of_queue(const plan_t *p, size_t queue)
{
    size_t keys = 0;
    for (size_t key = 0; key < p->options->keys; key++)
        keys += plan_leads_to(p, key, queue);
    return keys;
}

static void check_spread(size_t queues, size_t keys, size_t bindings)
{
    plan_t p = plan_with((perf_options_t){
        .type = PERF_DIRECT, .queues = queues, .keys = keys, .bindings = bindings, .producers = 1});
    size_t even = keys / queues;
    for (size_t q = 0; q < queues; q++) {
        assert_in_range(keys_of_queue(&p, q), even, even + (keys % queues > 0));
    }
    plan_deinit(&p);
}

static void keys_are_spread_evenly_over_queues_whatever_the_bindings(void **state)
{
    (void)state;
    for (size_t queues = 1; queues <= 8; queues++)
        for (size_t keys = 1; keys <= 24; keys++)
            for (size_t bindings = keys; bindings <= 100; bindings += 1 + bindings / 8)
                check_spread(queues, keys, bindings);
}

static size_t bindings_of_queue(const model_t *m, size_t queue)
{
    size_t count = 0;
    for (size_t i = 0; i < m->binding_count; i++)
        count += bytes_equal(m->bindings[i].queue, m->queues[queue]);
    return count;
}

static void check_bindings(plan_t *p)
{
    const perf_options_t *o = p->options;
    bool plain = o->type == PERF_DEFAULT || o->type == PERF_FANOUT;
    size_t bindings = o->type == PERF_FANOUT ? o->queues : o->bindings;
    model_t *m = model_of(p);
    assert_int_equal(m->binding_count, o->type == PERF_DEFAULT ? 0 : bindings);
    for (size_t q = 0; q < o->queues; q++) {
        size_t keys = keys_of_queue(p, q), each = plain ? 1 : bindings / o->keys;
        size_t least = o->type == PERF_DEFAULT ? 0 : keys * each;
        assert_in_range(bindings_of_queue(m, q), least, plain ? least : keys * (each + 1));
    }
    model_free(m);
}

static void a_queue_has_its_share_of_the_bindings(void **state)
{
    (void)state;
    for_each_plan(check_bindings);
}

static void topic_bindings_end_in_both_wildcards(void **state)
{
    (void)state;
    plan_t p = plan_with(
        (perf_options_t){.type = PERF_TOPIC, .queues = 2, .keys = 4, .bindings = 6, .producers = 1});
    model_t *m = model_of(&p);
    assert_int_equal(m->binding_count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(m->bindings[i].key.data[m->bindings[i].key.len - 1], i % 2 == 0 ? '*' : '#');
    model_free(m);
    plan_deinit(&p);
}

/* ---- what is said ---- */

static void check_frames(plan_t *p)
{
    const perf_options_t *o = p->options;
    bool headers = o->type == PERF_HEADERS;
    for (size_t key = 0; key < o->keys; key++) {
        said_t s = decode_key(p, key);
        bytes_t properties = s.header.properties, mode;
        assert_true(is_text(s.publish.exchange, o->type == PERF_DEFAULT ? "" : "chaski-perf"));
        assert_false(s.publish.mandatory || s.publish.immediate);
        assert_int_equal(s.header.class_id, 60);
        assert_int_equal(s.header.body_bytes, o->body_bytes);
        assert_true(properties_valid(properties));
        assert_int_equal(properties_has(properties, PROPERTY_HEADERS), headers);
        assert_int_equal(properties_has(properties, PROPERTY_DELIVERY_MODE), o->persistent);
        assert_int_equal(properties_persistent(properties), o->persistent);
        assert_true(!o->persistent || (properties_get(properties, PROPERTY_DELIVERY_MODE, &mode) &&
                                       bytes_equal(mode, BYTES("\2"))));
    }
}

static void the_frames_of_a_key_say_exchange_properties_and_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof some_options / sizeof *some_options; i++) {
        for (int persistent = 0; persistent < 2; persistent++) {
            perf_options_t o = some_options[i];
            o.persistent = persistent;
            o.body_bytes = persistent ? PERF_BODY_LEAST : 200000;
            plan_t p = plan_with(o);
            check_frames(&p);
            plan_deinit(&p);
        }
    }
}

static void a_default_exchange_is_used_by_the_queues_names(void **state)
{
    (void)state;
    plan_t p = plan_with(some_options[1]);
    for (size_t key = 0; key < 7; key++)
        assert_true(is_text(decode_key(&p, key).publish.routing_key, p.queues[key].name));
    plan_deinit(&p);
}

static void queues_are_emptied_first_but_not_for_a_drain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof some_options / sizeof *some_options; i++) {
        for (perf_mode_t mode = PERF_LOAD; mode <= PERF_DRAIN; mode++) {
            perf_options_t o = some_options[i];
            o.mode = mode;
            plan_t p = plan_with(o);
            model_t *m = model_of(&p);
            assert_int_equal(m->queue_count, o.queues);
            assert_int_equal(m->purge_count, mode == PERF_DRAIN ? 0 : o.queues);
            model_free(m);
            plan_deinit(&p);
        }
    }
}

static void queues_and_exchange_are_durable_when_asked_for(void **state)
{
    (void)state;
    for (int durable = 0; durable < 2; durable++) {
        perf_options_t o = some_options[5];
        o.durable = durable;
        plan_t p = plan_with(o);
        model_t *m = model_of(&p);
        assert_int_equal(m->durable_count, durable ? o.queues : 0);
        assert_int_equal(m->exchange_durable, durable);
        assert_true(is_text(m->exchange, "chaski-perf") && is_text(m->exchange_type, "direct"));
        model_free(m);
        plan_deinit(&p);
    }
}

static void check_removal(plan_t *p)
{
    buffer_t requests = {0};
    amqp_method_t m;
    bool exchange = p->options->type != PERF_DEFAULT;
    assert_int_equal(plan_write_removal(p, &requests), p->options->queues + exchange);
    bytes_reader_t r = bytes_reader(buffer_bytes(&requests));
    for (size_t q = 0; q < p->options->queues; q++) {
        assert_int_equal(take_method(&r, &m), AMQP_queue_delete);
        assert_true(is_text(m.queue_delete.queue, p->queues[q].name));
        assert_false(m.queue_delete.if_unused || m.queue_delete.if_empty || m.queue_delete.nowait);
    }
    if (exchange) {
        assert_int_equal(take_method(&r, &m), AMQP_exchange_delete);
        assert_true(is_text(m.exchange_delete.exchange, "chaski-perf"));
    }
    assert_true(reader_done(&r));
    buffer_free(&requests);
}

static void all_that_was_made_is_removed(void **state)
{
    (void)state;
    for_each_plan(check_removal);
}

static void a_run_without_queues_asks_for_nothing(void **state)
{
    (void)state;
    plan_t p = plan_with((perf_options_t){.mode = PERF_IDLE, .producers = 1});
    buffer_t requests = {0};
    assert_int_equal(plan_write_setup(&p, &requests), 0);
    assert_int_equal(plan_write_removal(&p, &requests), 0);
    assert_int_equal(requests.len, 0);
    buffer_free(&requests);
    plan_deinit(&p);
}

/* ---- streams ---- */

static void check_streams(plan_t *p)
{
    const perf_options_t *o = p->options;
    for (size_t q = 0; q < o->queues; q++) {
        size_t count = p->queues[q].slots * o->producers, used = 0;
        bool *taken = mem_zero(count * sizeof *taken);
        for (uint32_t key = 0; key < o->keys; key++) {
            for (uint32_t i = 0; plan_leads_to(p, key, q) && i < o->producers; i++) {
                size_t s = plan_stream(p, &(stamp_t){.producer = i, .key = key});
                assert_true(s < count && !taken[s]);
                taken[s] = true;
                used++;
            }
        }
        assert_int_equal(used, count);
        mem_free(taken);
    }
}

static void each_key_and_producer_of_a_queue_have_a_stream_of_their_own(void **state)
{
    (void)state;
    for_each_plan(check_streams);
}

static void check_turns(plan_t *p)
{
    size_t keys = p->options->keys;
    uint64_t *with = mem_zero(keys * sizeof *with);
    for (uint64_t published = 0; published < 250; published++) {
        uint64_t sum = 0;
        for (size_t key = 0; key < keys; key++) {
            assert_int_equal(plan_published_with(p, published, key), with[key]);
            sum += plan_published_with(p, published, key);
        }
        assert_int_equal(sum, published);
        with[published % keys]++;
    }
    mem_free(with);
}

static void keys_are_taken_in_turn_and_sum_up_to_what_was_published(void **state)
{
    (void)state;
    for_each_plan(check_turns);
}

static void check_deliveries(plan_t *p)
{
    uint64_t copies = p->options->type == PERF_FANOUT ? p->options->queues : 1;
    assert_int_equal(plan_deliveries(p, 0), 0);
    assert_int_equal(plan_deliveries(p, 1001), 1001 * copies);
}

static void a_message_is_delivered_once_but_with_a_fanout_once_a_queue(void **state)
{
    (void)state;
    for_each_plan(check_deliveries);
}

/* Gives all queues what came of it when producer i published published[i]; but of each stream number `without` is missing
 * (UINT32_MAX: none). Returns how many are. */
static uint64_t deliver(plan_t *p, const uint64_t *published, uint32_t without)
{
    const perf_options_t *o = p->options;
    uint64_t missing = 0, came = 0, sum = 0;
    for (uint32_t producer = 0; producer < o->producers; producer++) {
        sum += published[producer];
        for (uint64_t n = 0; n < published[producer]; n++) {
            stamp_t s = {
                .producer = producer, .key = (uint32_t)(n % o->keys), .number = (uint32_t)(n / o->keys)};
            for (size_t q = 0; q < o->queues; q++) {
                if (!plan_leads_to(p, s.key, q))
                    continue;
                if (s.number == without)
                    missing++;
                else
                    assert_true(stream_take(&p->queues[q].streams[plan_stream(p, &s)], s.number));
                came++;
            }
        }
    }
    assert_int_equal(came, plan_deliveries(p, sum));
    return missing;
}

static const uint64_t published[] = {2000, 1234, 0, 501};

static void check_all_came(plan_t *p)
{
    assert_int_equal(plan_missing(p, NULL), 0);
    assert_int_equal(deliver(p, published, UINT32_MAX), 0);
    assert_int_equal(plan_missing(p, published), 0);
    assert_int_equal(plan_missing(p, NULL), 0);
}

static void nothing_is_missing_when_all_came(void **state)
{
    (void)state;
    for_each_plan(check_all_came);
}

static void check_some_missing(plan_t *p)
{
    uint64_t missing = deliver(p, published, 2);
    assert_true(missing > 0);
    assert_int_equal(plan_missing(p, published), missing);
    assert_int_equal(plan_missing(p, NULL), missing); /* a later one of each stream came */
}

static void what_is_missing_is_counted_over_all_streams(void **state)
{
    (void)state;
    for_each_plan(check_some_missing);
}

static void check_none_came(plan_t *p)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < p->options->producers; i++)
        sum += published[i];
    assert_int_equal(plan_missing(p, published), plan_deliveries(p, sum));
    assert_int_equal(plan_missing(p, NULL), 0);
}

static void all_is_missing_when_nothing_came(void **state)
{
    (void)state;
    for_each_plan(check_none_came);
}

static void the_last_ones_are_missing_only_where_it_is_known_how_many_were_published(void **state)
{
    (void)state;
    plan_t p = plan_with(some_options[5]);
    uint64_t more[] = {published[0] + 1, published[1] + 2, published[2] + 3};
    deliver(&p, published, UINT32_MAX);
    assert_int_equal(plan_missing(&p, more), 6);
    assert_int_equal(plan_missing(&p, NULL), 0);
    plan_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_leads_to_its_queue_by_one_binding_and_nowhere_else),
        cmocka_unit_test(a_key_leads_to_one_queue_but_with_a_fanout_to_all),
        cmocka_unit_test(a_key_that_is_none_leads_nowhere),
        cmocka_unit_test(keys_are_spread_evenly_over_queues_whatever_the_bindings),
        cmocka_unit_test(a_queue_has_its_share_of_the_bindings),
        cmocka_unit_test(topic_bindings_end_in_both_wildcards),
        cmocka_unit_test(the_frames_of_a_key_say_exchange_properties_and_size),
        cmocka_unit_test(a_default_exchange_is_used_by_the_queues_names),
        cmocka_unit_test(queues_are_emptied_first_but_not_for_a_drain),
        cmocka_unit_test(queues_and_exchange_are_durable_when_asked_for),
        cmocka_unit_test(all_that_was_made_is_removed),
        cmocka_unit_test(a_run_without_queues_asks_for_nothing),
        cmocka_unit_test(each_key_and_producer_of_a_queue_have_a_stream_of_their_own),
        cmocka_unit_test(keys_are_taken_in_turn_and_sum_up_to_what_was_published),
        cmocka_unit_test(a_message_is_delivered_once_but_with_a_fanout_once_a_queue),
        cmocka_unit_test(nothing_is_missing_when_all_came),
        cmocka_unit_test(what_is_missing_is_counted_over_all_streams),
        cmocka_unit_test(all_is_missing_when_nothing_came),
        cmocka_unit_test(the_last_ones_are_missing_only_where_it_is_known_how_many_were_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
