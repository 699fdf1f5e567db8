/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's three parties in three threads, on the machine's own disk: for the thread sanitizer. */
#include "store/log_fixture.h"

#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "os/disk.h"

enum { BATCHES = 400 };

typedef struct threads {
    fixture_t *f;
    atomic_bool stop;
    atomic_int log_failed;
} threads_t;

static void *run_log(void *context)
{
    threads_t *t = context;
    error_t err;
    unsigned wake;
    while (!atomic_load(&t->stop)) {
        int done = store_log_turn(t->f->store, &wake, &err);
        if (done == 0)
            done = store_log_idle(t->f->store, &err);
        if (done < 0)
            atomic_store(&t->log_failed, 1);
        sched_yield();
    }
    return NULL;
}

static void *run_helper(void *context)
{
    threads_t *t = context;
    unsigned wake;
    while (!atomic_load(&t->stop))
        if (!store_helper_turn(t->f->store, &wake))
            sched_yield();
    return NULL;
}

/* Asks for one record that is durable. */
static void ask(fixture_t *f, record_no n)
{
    read_request_t *r = mem_zero(sizeof *r + sizeof r->items[0]);
    r->count = 1;
    r->items[0].record = n;
    lane_push(store_journal(f->store)->reads, &r);
}

static int take_read(fixture_t *f)
{
    journal_t *j = store_journal(f->store);
    int taken = 0;
    for (read_request_t *const *item; (item = lane_peek(j->read)) != NULL; lane_pop(j->read), taken++) {
        check_read_item(f, &(*item)->items[0]);
        release_read(*item);
    }
    (void)lane_release(j->read);
    return taken;
}

static void be_the_engine(threads_t *t)
{
    fixture_t *f = t->f;
    journal_t *j = store_journal(f->store);
    store_counts_t counts;
    int asked = 0, answered = 0;
    for (int i = 0; f->durable < f->next - 1 || i < BATCHES || answered < asked;) {
        assert_int_equal(atomic_load(&t->log_failed), 0);
        if (i < BATCHES && lane_room(j->batches) > 0) {
            put_batch(f, 1 + (uint32_t)i % 5, (uint32_t)i * 7 % 900);
            f->replay_from = f->durable > 200 ? f->durable - 200 : 0;
            i++;
        }
        (void)lane_flush(j->batches);
        take_done(f);
        record_no n = f->durable;
        if ((is_message(n) || is_part(n)) && n > 0 && lane_room(j->reads) > 0 && asked - answered < 4) {
            ask(f, n);
            asked++;
        }
        (void)lane_flush(j->reads);
        answered += take_read(f);
        store_count(f->store, &counts);
        sched_yield();
    }
    assert_true(answered > 10);
    assert_true(counts.records <= f->next - 1);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

static void three_threads_share_a_log(void **state)
{
    (void)state;
    char folder[] = "/tmp/chaski-store-XXXXXX";
    assert_non_null(mkdtemp(folder));
    fixture_t *f = fixture_new(1);
    f->disk = os_disk_open(folder, &f->err);
    assert_non_null(f->disk);
    open_well(f);
    threads_t t = {.f = f};
    pthread_t log, helper;
    assert_int_equal(pthread_create(&log, NULL, run_log, &t), 0);
    assert_int_equal(pthread_create(&helper, NULL, run_helper, &t), 0);
    be_the_engine(&t);
    atomic_store(&t.stop, true);
    pthread_join(log, NULL);
    pthread_join(helper, NULL);
    record_no last = f->next - 1;
    close_store(f);
    f->disk = os_disk_open(folder, &f->err);
    assert_non_null(f->disk);
    open_well(f);
    check_all_seen(f, last);
    close_store(f);
    fixture_free(f);
    assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_threads_share_a_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
