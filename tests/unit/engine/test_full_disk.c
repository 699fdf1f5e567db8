/* SPDX-License-Identifier: Apache-2.0
 *
 * test_full_disk.c: an engine and its log on a disk that is full: who takes messages out, one small commit after the
 * other, comes to the end, and then publishers go on. */
#include "engine/durable.h"
#include "engine/tx.h"
#include "sim/sim_disk.h"
#include "sim/sim_random.h"
#include "store/store.h"

#define SEGMENT_BYTES (32 * 1024)
#define MESSAGES_MOST 20000

/* The store beside the engine, whose parties have their turns by chance. */
typedef struct beside_store {
    fixture_t *f;
    sim_disk_t *sim;
    store_options_t options;
    store_t *store;
    sim_random_t dice;
} beside_store_t;

static bool log_turn(beside_store_t *b)
{
    error_t err;
    unsigned wake;
    int rc = store_log_turn(b->store, &wake, &err);
    assert_true(rc >= 0);
    return rc > 0 || (wake & STORE_WAKE_ENGINE);
}

/* What it tries again without end is no work. */
static bool helper_turns(beside_store_t *b, uint64_t most)
{
    unsigned wake = 0, all = 0;
    for (bool more = true; more && most > 0; most--) {
        more = store_helper_turn(b->store, &wake);
        all |= wake;
    }
    return all & STORE_WAKE_ENGINE;
}

/* At last each of them: nobody sleeps while there is work. */
static bool store_turn(void *context)
{
    beside_store_t *b = context;
    bool moved = false;
    for (uint64_t turns = sim_random_below(&b->dice, 4); turns > 0; turns--)
        moved |= sim_random_once_in(&b->dice, 2) ? log_turn(b) : helper_turns(b, 1);
    return moved || helper_turns(b, 50) || log_turn(b) || helper_turns(b, 50);
}

static void fill_random(void *context, void *out, size_t len)
{
    beside_store_t *b = context;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)sim_random_next(&b->dice);
}

static bool apply(void *context, record_no number, const record_t *r, bytes_t content, bool damaged)
{
    return engine_apply(context, number, r, content, damaged);
}

static void open_store(beside_store_t *b)
{
    store_found_t found;
    error_t err;
    b->store = store_open(sim_disk_disk(b->sim), &b->options, apply, b->f->engine, &found, &err);
    if (!b->store)
        fail_msg("%s", err.text);
    engine_recovered(b->f->engine, found.last, b->f->now_ms);
    engine_attach_journal(b->f->engine, store_journal(b->store));
    b->f->beside = store_turn;
    b->f->beside_context = b;
}

/* How messages come, and how they go. */
typedef enum order { AS_THEY_COME, IN_ORDER, BACKWARDS, BY_CHANCE, ORDERS } order_t;

typedef struct story {
    uint64_t seed, disk_bytes;
    unsigned burst;    /* messages in a group of the log */
    order_t order;     /* of their acks: each when it came; or all of them came before */
    bool fills_to_end; /* others take what is left of the disk when the alarm comes */
} story_t;

/* As the daemon has it, in small. */
static beside_store_t *on_disk(const story_t *story)
{
    beside_store_t *b = MEM_NEW(beside_store_t);
    b->f = fixture_new((fixture_options_t){.unwritten_bytes = SEGMENT_BYTES / 4,
                                           .batch_bytes = SEGMENT_BYTES / 4,
                                           .checkpoint_bytes = 4 * SEGMENT_BYTES,
                                           .page_entries = 64,
                                           .unacked_max = MESSAGES_MOST});
    b->dice = sim_random(story->seed);
    b->sim = sim_disk_new(story->seed);
    sim_disk_limit(b->sim, story->disk_bytes);
    store_options_default(&b->options);
    b->options.segment_bytes = SEGMENT_BYTES;
    b->options.first_segment_bytes = SEGMENT_BYTES / 4;
    b->options.free_limit_bytes = story->fills_to_end ? 2 * SEGMENT_BYTES : 0;
    b->options.random = (random_source_t){fill_random, b};
    open_store(b);
    return b;
}

static void off_disk(beside_store_t *b)
{
    fixture_t *f = b->f;
    fixture_stop_engine(f);
    store_close(&b->store);
    mem_free(f->seen);
    mem_free(f);
    sim_disk_free(&b->sim);
    mem_free(b);
}

/* Until the publisher hears of the alarm. Returns how many are in the queue; others are held. */
static unsigned fill(chan_t ch, unsigned burst)
{
    char body[40];
    for (unsigned count = 0; !ch.client->blocked; count++) {
        assert_true(count < MESSAGES_MOST);
        text_format(body, sizeof body, "%06u and some more", count);
        publish_with(ch, "", "q", body, 0, PERSISTENT);
        if (count % burst == 0)
            run(ch.client->f);
    }
    return (unsigned)counts(ch.client->f).messages_ready;
}

static uint64_t take_one(chan_t ch)
{
    get(ch, "q", 0);
    return expect(ch, EVENT_GET_OK)->event.delivery_tag;
}

static void commit_one(chan_t ch, uint64_t tag)
{
    ack(ch, tag, 0);
    committed(ch);
}

static void arrange(uint64_t *tags, unsigned count, order_t order, sim_random_t *dice)
{
    for (unsigned i = count; order == BY_CHANCE && i > 1; i--) {
        unsigned other = (unsigned)sim_random_below(dice, i);
        uint64_t tag = tags[i - 1];
        tags[i - 1] = tags[other];
        tags[other] = tag;
    }
    for (unsigned i = 0; order == BACKWARDS && i < count; i++)
        tags[i] = count - i;
}

static void take_all(chan_t ch, unsigned count, order_t order, sim_random_t *dice)
{
    uint64_t *tags = mem_alloc(count * sizeof *tags);
    for (unsigned i = 0; i < count; i++) {
        tags[i] = take_one(ch);
        if (order == AS_THEY_COME)
            commit_one(ch, tags[i]);
    }
    arrange(tags, count, order, dice);
    for (unsigned i = 0; order != AS_THEY_COME && i < count; i++)
        commit_one(ch, tags[i]);
    mem_free(tags);
}

static void others_fill_the_disk(beside_store_t *b)
{
    store_counts_t c;
    store_count(b->store, &c);
    sim_disk_limit(b->sim, c.bytes);
}

static void run_story(const story_t *story)
{
    beside_store_t *b = on_disk(story);
    chan_t from = new_channel(b->f), to = new_channel(b->f);
    new_durable_queue(from, "q");
    unsigned count = fill(from, story->burst);
    assert_true(count > 1000);
    tx_select(to);
    if (story->fills_to_end)
        others_fill_the_disk(b);
    take_all(to, count, story->order, &b->dice);
    sim_disk_limit(b->sim, story->disk_bytes);
    run(b->f);
    assert_false(from.client->blocked);
    off_disk(b);
}

/* Together they take many times the reserve. */
static void run_stories(bool fills_to_end)
{
    static const unsigned bursts[] = {10, 20, 300};
    for (uint64_t seed = 1; seed <= 5; seed++)
        for (order_t order = 0; order < ORDERS; order++)
            run_story(&(story_t){.seed = seed,
                                 .disk_bytes = 10 * SEGMENT_BYTES + seed * 1777,
                                 .burst = bursts[seed % 3],
                                 .order = order,
                                 .fills_to_end = fills_to_end});
}

static void small_commits_alone_get_out_of_a_full_disk(void **state)
{
    (void)state;
    run_stories(false);
}

static void so_they_do_when_others_have_taken_all_that_was_left(void **state)
{
    (void)state;
    run_stories(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_commits_alone_get_out_of_a_full_disk),
        cmocka_unit_test(so_they_do_when_others_have_taken_all_that_was_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
