/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader: what an opening would find, without its consequences. */
#include "store/space_fixture.h"

#define LINES_MOST 2000

/* What a visitor was told, as lines. */
typedef struct told {
    char lines[LINES_MOST][96];
    size_t count;
    uint64_t faults, fatal, records, damaged;
    record_no last;
} told_t;

static void tell_line(told_t *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell_line(told_t *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    assert_true(t->count < LINES_MOST);
    vsnprintf(t->lines[t->count++], sizeof t->lines[0], format, args);
    va_end(args);
}

static void told_a_segment(void *context, const log_segment_t *s)
{
    tell_line(context, "segment %s %d %d%s%s", s->file, (int)s->number, (int)s->bytes,
              s->is_content ? " contents" : "", s->is_rewritten ? " rewritten" : "");
}

static void told_a_frame(void *context, const log_frame_t *f)
{
    assert_true(f->bytes >= 104);
    assert_true(f->is_sparse || f->next == f->first + f->records);
    tell_line(context, "frame %s %d first %d count %u durable %d incarnation %d%s", f->file + 11,
              (int)f->offset, (int)f->first, f->records, (int)f->durable_through, (int)f->incarnation,
              f->is_mark     ? " mark"
              : f->is_sparse ? " sparse"
                             : "");
}

static void told_record(void *context, record_no number, const record_t *r, bytes_t content, bool damaged)
{
    told_t *t = context;
    assert_true(number > t->last);
    t->last = number;
    t->records++;
    t->damaged += damaged;
    assert_true(!damaged || content.len == 0);
    tell_line(t, "record %d %s", (int)number, record_type_name(r->type));
}

static void told_fault(void *context, const char *file, uint64_t offset, bool fatal, const char *what)
{
    told_t *t = context;
    t->faults++;
    t->fatal += fatal;
    tell_line(t, "fault %s %d %s", file, (int)offset, what);
}

static told_t *read_log(fixture_t *f, log_summary_t *summary)
{
    told_t *t = MEM_NEW(told_t);
    log_visitor_t visitor = {t, told_a_segment, told_a_frame, told_record, told_fault};
    uint64_t operations = sim_disk_operations(f->sim);
    assert_int_equal(log_read(f->disk, &visitor, summary, &f->err), 0);
    assert_int_equal(sim_disk_operations(f->sim), operations); /* it changes nothing */
    assert_int_equal(summary->records, t->records);
    assert_int_equal(summary->faults, t->faults);
    assert_int_equal(summary->fatal_faults, t->fatal);
    return t;
}

static void an_empty_directory_has_no_records(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(1);
    log_summary_t summary;
    told_t *t = read_log(f, &summary);
    assert_int_equal(t->count, 0);
    assert_int_equal(summary.last, 0);
    mem_free(t);
    fixture_free(f);
}

static void everything_is_told_in_order_also_while_the_log_is_open(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(2);
    open_well(f);
    put_batch(f, 2, 100);
    assert_int_equal(turn(f), 1);
    put_batch(f, 3, 10);
    assert_int_equal(turn(f), 1);
    assert_int_equal(store_log_idle(f->store, &f->err), 0);
    static const char *expected[] = {
        "segment log.0000000001 1 4096",
        "frame 001 512 first 1 count 0 durable 0 incarnation 1 mark",
        "frame 001 1024 first 1 count 2 durable 0 incarnation 1",
        "record 1 message",
        "record 2 message",
        "frame 001 1536 first 3 count 3 durable 2 incarnation 1",
        "record 3 message",
        "record 4 message",
        "record 5 settle",
        "frame 001 2048 first 6 count 0 durable 5 incarnation 1 mark",
    };
    log_summary_t summary;
    told_t *t = read_log(f, &summary);
    for (size_t i = 0; i < t->count && i < sizeof expected / sizeof *expected; i++)
        assert_string_equal(t->lines[i], expected[i]);
    assert_int_equal(t->count, sizeof expected / sizeof *expected);
    assert_int_equal(summary.segments, 1);
    assert_int_equal(summary.frames, 4);
    assert_int_equal(summary.bytes, 4096);
    assert_int_equal(summary.first, 1);
    assert_int_equal(summary.last, 5);
    assert_int_equal(summary.durable_through, 5);
    assert_int_equal(summary.tail_bytes, 0);
    mem_free(t);
    fixture_free(f);
}

static void damage_is_a_fault_and_the_rest_is_told(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(3);
    f->options.first_segment_bytes = 16 * 1024;
    open_well(f);
    for (int i = 0; i < 4; i++) {
        put_batch(f, 2, 100);
        settle_well(f);
    }
    close_store(f);
    sim_disk_flip(f->sim, "log.0000000001", 1536 + 80, 1);  /* records 3 and 4 */
    sim_disk_flip(f->sim, "log.0000000001", 2560 + 300, 1); /* content of 8 */
    log_summary_t summary;
    told_t *t = read_log(f, &summary);
    assert_int_equal(t->fatal, 1);
    assert_int_equal(t->faults, 2);
    assert_int_equal(t->records, 6);
    assert_int_equal(t->damaged, 1);
    assert_int_equal(summary.last, 8);
    int told = 0;
    for (size_t i = 0; i < t->count; i++)
        told += strstr(t->lines[i], "fault log.0000000001 1536 records 3 to 4") ||
                strstr(t->lines[i], "fault log.0000000001 2560 the content of record 8");
    assert_int_equal(told, 2);
    mem_free(t);
    fixture_free(f);
}

static void a_tail_that_would_be_cut_is_no_fault(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(4);
    f->options.first_segment_bytes = 16 * 1024;
    open_well(f);
    put_batch(f, 2, 100);
    settle_well(f);
    put_batch(f, 2, 100);
    settle_well(f);
    crash(f);
    sim_disk_flip(f->sim, "log.0000000001", 1536 + 80, 1);
    log_summary_t summary;
    told_t *t = read_log(f, &summary);
    assert_int_equal(t->faults, 0);
    assert_int_equal(summary.last, 2);
    assert_true(summary.tail_bytes > 200);
    mem_free(t);
    open_well(f);
    assert_int_equal(f->found.cut_bytes, summary.tail_bytes);
    fixture_free(f);
}

static void a_visitor_may_look_at_nothing(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(5);
    open_well(f);
    put_batch(f, 2, 100);
    settle_well(f);
    log_visitor_t nobody = {0};
    log_summary_t summary;
    assert_int_equal(log_read(f->disk, &nobody, &summary, &f->err), 0);
    assert_int_equal(summary.records, 2);
    fixture_free(f);
}

static void what_cannot_be_read_at_all_is_an_error(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(6);
    open_well(f);
    close_store(f);
    sim_disk_fail_reads(f->sim, "log.0000000001", 0, 4096);
    log_visitor_t nobody = {0};
    log_summary_t summary;
    assert_int_equal(log_read(f->disk, &nobody, &summary, &f->err), -1);
    assert_non_null(strstr(f->err.text, "log.0000000001"));
    fixture_free(f);
}

/* All that is needed is told, from its first record on, and what was rewritten says so. */
static void contents_are_told_too(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = sparse_log(6, needs, 8);
    order_all(f, needs);
    settle_well(f);
    close_store(f);
    log_summary_t summary;
    told_t *t = read_log(f, &summary);
    assert_int_equal(t->faults, 0);
    uint64_t rewritten = 0, contents = 0, sparse = 0;
    for (size_t i = 0; i < t->count; i++) {
        contents += strstr(t->lines[i], " contents") != NULL;
        rewritten += strstr(t->lines[i], " contents rewritten") != NULL;
        sparse += strstr(t->lines[i], " sparse") != NULL;
    }
    assert_true(rewritten > 3 && contents > rewritten && sparse >= rewritten);
    assert_true(summary.first <= 8);
    assert_true(summary.replay_from > 300);
    uint64_t needed = 0;
    for (record_no n = 1; n < f->next; n++)
        needed += needs->live[n];
    assert_true(summary.records >= needed && summary.records < summary.last);
    mem_free(t);
    mem_free(needs);
    fixture_free(f);
}

static void damage_of_contents_is_a_fault_that_no_daemon_stumbles_over(void **state)
{
    (void)state;
    for (int is_rewritten = 0; is_rewritten < 2; is_rewritten++) {
        needs_t *needs = MEM_NEW(needs_t);
        fixture_t *f = sparse_log(7, needs, 3);
        if (is_rewritten) {
            order_all(f, needs);
            settle_well(f);
        }
        close_store(f);
        told_frames_t frames = list_frames(f);
        size_t i = 0;
        while (frames.frames[i].first < 100 || frames.frames[i].is_mark ||
               frames.frames[i].is_sparse != is_rewritten)
            i++;
        sim_disk_flip(f->sim, frames.frames[i].file, frames.frames[i].offset + 100, 1);
        log_summary_t summary;
        told_t *t = read_log(f, &summary);
        assert_int_equal(t->faults, is_rewritten && frames.frames[i].offset > 512 ? 1 : t->faults);
        assert_true(t->faults > 0);
        assert_int_equal(t->fatal, 0);
        open_well(f);
        mem_free(frames.frames);
        mem_free(t);
        mem_free(needs);
        fixture_free(f);
    }
}

/* The last group of a segment is synced before the next segment begins, though no frame of its own file may say so. */
static void all_that_is_there_for_contents_is_told(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(8);
    f->keeps_dead = true;
    open_well(f);
    for (int i = 0; i < 20; i++) {
        f->replay_from = f->next;
        for (int batch = 0; batch < 6; batch++) /* together: some leave one segment for the next */
            put_batch(f, 3, 900);
        settle_well(f);
    }
    record_no last = f->next - 1;
    close_store(f);
    log_summary_t summary;
    told_t *t = read_log(f, &summary);
    assert_true(summary.replay_from > 300);
    assert_int_equal(summary.faults, 0);
    assert_int_equal(summary.last, last);
    assert_int_equal(summary.records, last);
    mem_free(t);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_directory_has_no_records),
        cmocka_unit_test(everything_is_told_in_order_also_while_the_log_is_open),
        cmocka_unit_test(damage_is_a_fault_and_the_rest_is_told),
        cmocka_unit_test(a_tail_that_would_be_cut_is_no_fault),
        cmocka_unit_test(a_visitor_may_look_at_nothing),
        cmocka_unit_test(what_cannot_be_read_at_all_is_an_error),
        cmocka_unit_test(contents_are_told_too),
        cmocka_unit_test(damage_of_contents_is_a_fault_that_no_daemon_stumbles_over),
        cmocka_unit_test(all_that_is_there_for_contents_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
