/* SPDX-License-Identifier: Apache-2.0
 *
 * log_fixture.h: a store on a simulated disk, an engine's stand-in that makes batches, and what it remembers of them.
 *
 * Every record's octets follow from its number and the life in which it was made, so what comes back can be checked
 * to the octet. Includes what cmocka needs before it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sim/sim_disk.h"
#include "sim/sim_random.h"
#include "store/reader.h"
#include "store/segment.h"
#include "store/store.h"

#define RECORDS_MOST  20000
#define SEGMENTS_MOST 1000

/* What was made as a record of this number. */
typedef struct made {
    uint32_t life, size;
    bool is_seen, is_damaged;
    message_t *message; /* alive until its batch is back */
    bytes_t octets;     /* of its content, if the test has chosen them */
} made_t;

/* A complete segment, as the store told of it. */
typedef struct told_segment {
    segment_news_t news;
    uint32_t told; /* how often */
    bool is_ordered;
} told_segment_t;

typedef struct fixture {
    sim_disk_t *sim;
    disk_t *disk;
    store_options_t options;
    sim_random_t dice;
    store_t *store;
    store_found_t found;
    error_t err;

    record_no next, durable;             /* durable: given back */
    record_no group_first[RECORDS_MOST]; /* of the group of a record */
    made_t made[RECORDS_MOST];
    uint32_t life, size;
    record_no seen_first, seen_last; /* while it is opened */
    uint64_t seen_count, damaged_count;
    record_no replay_from;                  /* for the next batches */
    record_no replay_durable;               /* of those that are back */
    bool keeps_dead;                        /* segments below it are not ordered to be dropped */
    told_segment_t segments[SEGMENTS_MOST]; /* by number */
    log_t log;
    uint64_t damage_lines; /* log lines that speak of damage */
} fixture_t;

/* ---- octets of a record ---- */

static inline bool is_message(record_no n)
{
    return n % 5 != 0 && n % 7 != 0;
}

static inline bool is_part(record_no n)
{
    return n % 5 != 0 && n % 7 == 0;
}

static inline uint8_t octet_of(record_no n, uint32_t life, size_t index)
{
    return (uint8_t)((n * 31 + life * 101 + index * 7 + index / 256) & 0xff);
}

static inline void fill_octets(uint8_t *out, record_no n, uint32_t life, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = octet_of(n, life, i);
}

static inline void check_octets(bytes_t octets, record_no n, uint32_t life)
{
    for (size_t i = 0; i < octets.len; i++)
        assert_int_equal(octets.data[i], octet_of(n, life, i));
}

static inline size_t write_text(char *out, char letter, record_no n)
{
    size_t len = 1 + (size_t)(n % 9);
    memset(out, letter, len);
    return len;
}

/* ---- the engine's stand-in ---- */

static inline message_t *make_message(record_no n, uint32_t life, uint32_t size)
{
    char exchange[16], key[16];
    bytes_t none = {NULL, 0};
    bytes_t e = is_part(n) ? none : bytes_make(exchange, write_text(exchange, 'e', n));
    bytes_t k = is_part(n) ? none : bytes_make(key, write_text(key, 'k', n + 3));
    uint8_t *octets = mem_alloc((size_t)size + 1);
    fill_octets(octets, n, life, size);
    size_t properties = is_part(n) ? 0 : size / 3;
    message_t *m = message_new(e, k, bytes_make(octets, properties), size - properties);
    m = message_append(m, bytes_make(octets + properties, size - properties), size - properties);
    mem_free(octets);
    return m;
}

static inline void put_record(fixture_t *f, batch_t *b, record_no n, uint32_t size)
{
    uint32_t life = f->life;
    buffer_t list = {0};
    record_t r = {.type = RECORD_SETTLE, .queue = n, .kind = RECORD_ACKED};
    if (is_message(n) || is_part(n)) {
        message_t *m = f->made[n].message = make_message(n, life, size);
        r = (record_t){.type = is_part(n) ? RECORD_PART : RECORD_MESSAGE};
        if (is_message(n)) {
            r.exchange = message_exchange(m);
            r.key = message_routing_key(m);
            r.properties_bytes = m->properties_len;
            r.time_ms = life;
            if (n % 13 == 0)
                r.flags = RECORD_SEQUENCED, r.seq = n, r.view = n / 3;
            if (n % 11 == 0)
                record_list_put(&list, &r.parts.count, n / 2, 77);
            r.parts.octets = buffer_bytes(&list);
        }
        record_write(&b->records, &r);
        batch_add_content(b, message_content(m), m);
    } else {
        for (uint32_t i = 0; i < size / 8; i++)
            record_list_put(&list, &r.list.count, i + life, n);
        r.list.octets = buffer_bytes(&list);
        record_write(&b->records, &r);
    }
    b->count++;
    buffer_free(&list);
}

static inline void put_batch(fixture_t *f, uint32_t records, uint32_t size)
{
    batch_t *b = batch_new(f->next);
    for (uint32_t i = 0; i < records; i++, f->next++) {
        assert_true(f->next < RECORDS_MOST);
        f->made[f->next] = (made_t){.life = f->life, .size = size};
        f->group_first[f->next] = b->first;
        put_record(f, b, f->next, size);
    }
    b->replay_from = f->replay_from;
    journal_t *j = store_journal(f->store);
    lane_push(j->batches, &b);
    (void)lane_flush(j->batches);
}

/* A batch of one PART record with these octets, which stay the caller's. Its number must be a PART's. */
static inline void put_octets(fixture_t *f, bytes_t octets)
{
    assert_true(is_part(f->next));
    batch_t *b = batch_new(f->next);
    bytes_t none = {NULL, 0};
    message_t *m = message_append(message_new(none, none, none, octets.len), octets, octets.len);
    f->made[f->next] =
        (made_t){.life = f->life, .size = (uint32_t)octets.len, .message = m, .octets = octets};
    f->group_first[f->next++] = b->first;
    record_write(&b->records, &(record_t){.type = RECORD_PART});
    b->count = 1;
    batch_add_content(b, message_content(m), m);
    journal_t *j = store_journal(f->store);
    lane_push(j->batches, &b);
    (void)lane_flush(j->batches);
}

static inline void forget_message(fixture_t *f, record_no n)
{
    message_free(f->made[n].message);
    f->made[n].message = NULL;
}

/* ---- segments ---- */

static inline void give_order(fixture_t *f, segment_order_t *order)
{
    journal_t *j = store_journal(f->store);
    f->segments[order->segment].is_ordered = true;
    lane_push(j->orders, &order);
    (void)lane_flush(j->orders);
}

static inline void order_drop(fixture_t *f, uint64_t segment)
{
    segment_order_t *order = MEM_NEW(segment_order_t);
    order->segment = segment;
    give_order(f, order);
}

/* True if that made room for more. */
static inline bool hear_segments(fixture_t *f)
{
    journal_t *j = store_journal(f->store);
    for (const segment_news_t *news; (news = lane_peek(j->segments)) != NULL; lane_pop(j->segments)) {
        assert_true(news->segment < SEGMENTS_MOST);
        told_segment_t *told = &f->segments[news->segment];
        assert_true(news->from <= news->end);
        assert_true(told->told == 0 || (told->news.from == news->from && told->news.end == news->end));
        told->news = *news;
        told->told++;
        told->is_ordered = false;
    }
    return lane_release(j->segments);
}

/* What an engine that needs nothing below replay_from would order. */
static inline bool mind_space(fixture_t *f)
{
    bool heard = hear_segments(f);
    for (uint64_t i = 0; i < SEGMENTS_MOST && !f->keeps_dead; i++) {
        const told_segment_t *told = &f->segments[i];
        if (told->news.bytes > 0 && !told->is_ordered && told->news.end <= f->replay_durable)
            order_drop(f, i);
    }
    return lane_flush(store_journal(f->store)->orders) || heard;
}

/* ---- turns ---- */

static inline void take_done(fixture_t *f)
{
    journal_t *j = store_journal(f->store);
    for (batch_t *const *item; (item = lane_peek(j->done)) != NULL; lane_pop(j->done)) {
        batch_t *b = *item;
        assert_int_equal(b->first, f->durable + 1);
        f->durable = batch_last(b);
        if (b->replay_from > f->replay_durable)
            f->replay_durable = b->replay_from;
        for (record_no n = b->first; n <= f->durable; n++)
            forget_message(f, n);
        batch_free(b);
    }
    (void)lane_release(j->done);
}

/* One turn of each; -1: the log failed. */
static inline int turn(fixture_t *f)
{
    unsigned wake;
    int rc = store_log_turn(f->store, &wake, &f->err);
    if (rc >= 0)
        take_done(f);
    return rc;
}

/* Until nobody has anything to do. */
static inline int settle(fixture_t *f)
{
    unsigned wake;
    int done, rounds = 0;
    bool helped, heard;
    do {
        done = turn(f);
        helped = false;
        for (bool more = true; more; helped |= more || (wake & STORE_WAKE_LOG) != 0)
            more = store_helper_turn(f->store, &wake);
        heard = mind_space(f);
        assert_true(rounds++ < 10000);
    } while (done > 0 || (done == 0 && (helped || heard)));
    return done;
}

static inline void settle_well(fixture_t *f)
{
    int rc = settle(f);
    if (rc < 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(f->durable, f->next - 1);
}

/* ---- opening ---- */

static inline void check_record(const fixture_t *f, record_no n, const record_t *r, bytes_t content)
{
    const made_t *made = &f->made[n];
    if (!is_message(n) && !is_part(n)) {
        assert_int_equal(r->type, RECORD_SETTLE);
        assert_int_equal(r->queue, n);
        assert_int_equal(r->list.count, made->size / 8);
        return;
    }
    assert_int_equal(r->type, is_part(n) ? RECORD_PART : RECORD_MESSAGE);
    assert_int_equal(content.len, made->size);
    if (made->octets.len > 0)
        assert_memory_equal(content.data, made->octets.data, content.len);
    else
        check_octets(content, n, made->life);
    if (is_message(n))
        assert_int_equal(r->time_ms, made->life);
}

static inline bool see_record(void *context, record_no n, const record_t *r, bytes_t content, bool damaged)
{
    fixture_t *f = context;
    assert_true(n < RECORDS_MOST);
    assert_true(n > f->seen_last);
    if (!f->options.serve_damaged && f->seen_last > 0)
        assert_int_equal(n, f->seen_last + 1);
    if (f->seen_first == 0)
        f->seen_first = n;
    f->seen_last = n;
    f->seen_count++;
    f->made[n].is_seen = true;
    f->made[n].is_damaged = damaged;
    if (damaged) {
        f->damaged_count++;
        assert_int_equal(content.len, 0);
    } else
        check_record(f, n, r, content);
    return true;
}

/* All of a group is there, or nothing. */
static inline void check_group_ends(const fixture_t *f, record_no last)
{
    if (f->group_first[last + 1] > 0)
        assert_int_equal(f->group_first[last + 1], last + 1);
}

/* Records that came to nothing: a later life gives their numbers to others. */
static inline void forget_cut(fixture_t *f)
{
    for (record_no n = f->found.last + 1; n < RECORDS_MOST; n++)
        f->group_first[n] = 0;
}

static inline bool try_open(fixture_t *f)
{
    f->seen_first = f->seen_last = 0;
    f->seen_count = f->damaged_count = 0;
    for (size_t i = 0; i < RECORDS_MOST; i++)
        f->made[i].is_seen = false;
    f->store = store_open(f->disk, &f->options, see_record, f, &f->found, &f->err);
    if (!f->store) {
        disk_free(&f->disk);
        f->disk = sim_disk_disk(f->sim);
        return false;
    }
    if (!f->options.serve_damaged)
        check_group_ends(f, f->found.last);
    forget_cut(f);
    assert_int_equal(f->found.records, f->seen_count);
    assert_int_equal(f->found.damaged_contents, f->damaged_count);
    f->next = f->found.last + 1;
    f->durable = f->found.last;
    memset(f->segments, 0, sizeof f->segments);
    f->life++;
    return true;
}

static inline void open_well(fixture_t *f)
{
    if (!try_open(f))
        fail_msg("%s", f->err.text);
}

static inline void close_store(fixture_t *f)
{
    store_close(&f->store);
    for (record_no n = 1; n < RECORDS_MOST; n++)
        forget_message(f, n);
    disk_free(&f->disk);
    f->disk = sim_disk_disk(f->sim);
}

/* The process dies; the store's memory is given back without its doing anything. */
static inline void crash(fixture_t *f)
{
    sim_disk_restart(f->sim);
    if (f->store)
        close_store(f);
}

static inline void power_cycle(fixture_t *f)
{
    sim_disk_power_cycle(f->sim);
    if (f->store)
        close_store(f);
}

/* All that was made and is not dead came back. */
static inline void check_all_seen(const fixture_t *f, record_no last)
{
    assert_int_equal(f->found.last, last);
    assert_int_equal(f->seen_last, last);
    assert_true(f->seen_first <= (f->replay_from > 1 ? f->replay_from : 1));
}

/* ---- reading back ---- */

/* Reads these records; the result is the caller's (release_read). */
static inline read_request_t *read_back(fixture_t *f, const record_no *records, size_t count)
{
    journal_t *j = store_journal(f->store);
    unsigned wake;
    read_request_t *r = mem_zero(sizeof *r + count * sizeof r->items[0]);
    r->count = count;
    for (size_t i = 0; i < count; i++)
        r->items[i].record = records[i];
    lane_push(j->reads, &r);
    (void)lane_flush(j->reads);
    while (store_helper_turn(f->store, &wake))
        continue;
    read_request_t *const *item = lane_peek(j->read);
    assert_non_null(item);
    assert_ptr_equal(*item, r);
    lane_pop(j->read);
    (void)lane_release(j->read);
    return r;
}

static inline void check_read_item(const fixture_t *f, const read_item_t *item)
{
    record_no n = item->record;
    const made_t *made = &f->made[n];
    assert_int_equal(item->outcome, READ_OK);
    message_t *m = make_message(n, made->life, made->size);
    assert_true(bytes_equal(message_exchange(m), message_exchange(item->message)));
    assert_true(bytes_equal(message_routing_key(m), message_routing_key(item->message)));
    assert_true(bytes_equal(message_properties(m), message_properties(item->message)));
    assert_true(bytes_equal(message_body(m), message_body(item->message)));
    assert_int_equal(item->message->record, n);
    assert_int_equal(item->message->references, 0);
    assert_int_equal(item->message->seq, is_message(n) && n % 13 == 0 ? n : 0);
    assert_int_equal(item->message->view, is_message(n) && n % 13 == 0 ? n / 3 : 0);
    assert_int_equal(item->message->part_count, is_message(n) && n % 11 == 0);
    if (item->message->part_count) {
        assert_int_equal(item->message->parts[0].record, n / 2);
        assert_int_equal(item->message->parts[0].bytes, 77);
    }
    message_free(m);
}

static inline void release_read(read_request_t *r)
{
    for (size_t i = 0; i < r->count; i++)
        message_free(r->items[i].message);
    mem_free(r);
}

/* All messages and parts from `from` on, each `step`-th. */
static inline void read_all(fixture_t *f, record_no from, record_no step)
{
    record_no *records = mem_alloc(RECORDS_MOST * sizeof *records);
    size_t count = 0;
    for (record_no n = from; n < f->next; n += step)
        if (is_message(n) || is_part(n))
            records[count++] = n;
    read_request_t *r = read_back(f, records, count);
    for (size_t i = 0; i < count; i++)
        check_read_item(f, &r->items[i]);
    release_read(r);
    mem_free(records);
}

/* ---- files ---- */

static inline uint64_t file_bytes(fixture_t *f, const char *name)
{
    disk_file_t *file;
    uint64_t bytes;
    assert_int_equal(disk_open(f->disk, name, DISK_READ, &file, NULL), 0);
    assert_int_equal(disk_size(file, &bytes, NULL), 0);
    disk_close(&file);
    return bytes;
}

static inline void read_file(fixture_t *f, const char *name, uint64_t offset, void *out, size_t len)
{
    disk_file_t *file;
    size_t got;
    assert_int_equal(disk_open(f->disk, name, DISK_READ, &file, NULL), 0);
    assert_int_equal(disk_read(file, offset, out, len, &got, NULL), 0);
    assert_int_equal(got, len);
    disk_close(&file);
}

static inline void write_file(fixture_t *f, const char *name, uint64_t offset, const void *data, size_t len)
{
    disk_file_t *file;
    assert_int_equal(disk_open(f->disk, name, DISK_WRITE, &file, NULL), 0);
    assert_int_equal(disk_write(file, offset, &(output_piece_t){data, len}, 1, NULL), 0);
    assert_int_equal(disk_sync(file, NULL), 0);
    disk_close(&file);
}

/* A frame as the reader tells of it. */
typedef struct told_frame {
    char file[SEGMENT_NAME_BYTES];
    uint64_t offset, bytes;
    record_no first, durable_through;
    uint32_t records;
    bool is_mark, is_sparse;
} told_frame_t;

typedef struct told_frames {
    told_frame_t *frames;
    size_t count;
} told_frames_t;

static inline void tell_frame(void *context, const log_frame_t *f)
{
    told_frames_t *t = context;
    assert_true(f->incarnation > 0);
    t->frames = mem_resize(t->frames, (t->count + 1) * sizeof *t->frames);
    told_frame_t *told = &t->frames[t->count++];
    *told = (told_frame_t){.offset = f->offset,
                           .bytes = f->bytes,
                           .first = f->first,
                           .durable_through = f->durable_through,
                           .records = f->records,
                           .is_mark = f->is_mark,
                           .is_sparse = f->is_sparse};
    strcpy(told->file, f->file);
}

/* All frames of the log; the caller frees t.frames. */
static inline told_frames_t list_frames(fixture_t *f)
{
    told_frames_t t = {0};
    log_visitor_t visitor = {.context = &t, .frame = tell_frame};
    log_summary_t summary;
    assert_int_equal(log_read(f->disk, &visitor, &summary, &f->err), 0);
    assert_int_equal(summary.frames, t.count);
    return t;
}

/* ---- life ---- */

static inline void fill_random(void *context, void *out, size_t len)
{
    fixture_t *f = context;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)sim_random_next(&f->dice);
}

static inline void take_line(void *context, log_level_t level, const char *line)
{
    (void)level;
    ((fixture_t *)context)->damage_lines += strstr(line, "damaged") != NULL;
}

static inline fixture_t *fixture_new(uint64_t seed)
{
    fixture_t *f = MEM_NEW(fixture_t);
    f->sim = sim_disk_new(seed);
    f->disk = sim_disk_disk(f->sim);
    f->dice = sim_random(seed ^ 0x5eed);
    store_options_default(&f->options);
    f->options.segment_bytes = 16 * 1024;
    f->options.first_segment_bytes = 4 * 1024;
    f->options.frame_bytes = 1024;
    f->options.read_bytes = 2048;
    f->options.ring_items = 8;
    f->log = (log_t){LOG_INFO, take_line, f};
    f->options.log = &f->log;
    f->options.random = (random_source_t){fill_random, f};
    f->next = 1;
    return f;
}

static inline void fixture_free(fixture_t *f)
{
    if (f->store)
        close_store(f);
    sim_disk_free(&f->sim);
    mem_free(f);
}
