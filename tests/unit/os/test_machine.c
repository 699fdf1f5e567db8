/* SPDX-License-Identifier: Apache-2.0
 *
 * What the machine gives: clocks, randomness, threads without signals, limits of memory and descriptors. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "os/os.h"
#include "os/os_internal.h"

/* ---- clocks, randomness ---- */

static void clock_never_goes_back_and_wall_time_is_now(void **state)
{
    (void)state;
    clock_source_t c = os_clock();
    uint64_t first = c.now_ms(c.context);
    assert_true(c.now_ms(c.context) >= first);
    uint64_t wall_s = c.wall_ms(c.context) / 1000;
    uint64_t expected_s = (uint64_t)time(NULL);
    assert_true(wall_s + 2 >= expected_s && wall_s <= expected_s + 2);
}

static void thread_cpu_time_counts_work_not_sleep(void **state)
{
    (void)state;
    clock_source_t c = os_clock();
    uint64_t before_us = os_thread_cpu_us();
    uint64_t limit_ms = c.now_ms(c.context) + 20000;
    while (os_thread_cpu_us() - before_us < 2000)
        assert_true(c.now_ms(c.context) < limit_ms);
    before_us = os_thread_cpu_us();
    struct timespec pause = {.tv_nsec = 50000000};
    nanosleep(&pause, NULL);
    assert_true(os_thread_cpu_us() - before_us < 40000);
}

static void random_octets_fill_all_and_differ(void **state)
{
    (void)state;
    random_source_t r = os_random();
    static uint8_t a[100000], b[100000];
    r.fill(r.context, a, sizeof a);
    r.fill(r.context, b, sizeof b);
    assert_memory_not_equal(a, b, 32);
    size_t seen[256] = {0};
    for (size_t i = 0; i < sizeof a; i++)
        seen[a[i]]++;
    for (size_t i = 0; i < 256; i++) /* 390 expected: 200 is ten sigmas away */
        assert_true(seen[i] > 200);
    assert_memory_not_equal(a + sizeof a - 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

/* ---- threads ---- */

typedef struct witness {
    char name[16];
    bool signals_blocked;
    int ran;
} witness_t;

static void look_around(void *context)
{
    witness_t *w = context;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    w->signals_blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGHUP) == 1;
    pthread_getname_np(pthread_self(), w->name, sizeof w->name);
    w->ran++;
}

static void thread_runs_named_and_without_signals(void **state)
{
    (void)state;
    witness_t w = {0};
    error_t err;
    os_thread_t *t = os_thread_start("io-1", look_around, &w, &err);
    assert_non_null(t);
    os_thread_join(&t);
    assert_null(t);
    assert_int_equal(w.ran, 1);
    assert_string_equal(w.name, "io-1");
    assert_true(w.signals_blocked);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_int_equal(sigismember(&mask, SIGTERM), 0); /* the starter's mask is as it was */
}

static void long_thread_name_is_cut(void **state)
{
    (void)state;
    witness_t w = {0};
    error_t err;
    os_thread_t *t = os_thread_start("a-name-that-is-too-long", look_around, &w, &err);
    assert_non_null(t);
    os_thread_join(&t);
    assert_string_equal(w.name, "a-name-that-is-");
}

/* ---- control groups, in a made-up file system ---- */

typedef struct groups {
    char root[64];
    char membership[96];
} groups_t;

static int groups_setup(void **state)
{
    groups_t *g = calloc(1, sizeof *g);
    text_format(g->root, sizeof g->root, "/tmp/chaski-os-XXXXXX");
    if (mkdtemp(g->root) == NULL)
        return -1;
    text_format(g->membership, sizeof g->membership, "%s/membership", g->root);
    *state = g;
    return 0;
}

static int groups_teardown(void **state)
{
    groups_t *g = *state;
    char command[128];
    text_format(command, sizeof command, "rm -r '%s'", g->root);
    int rc = system(command);
    free(g);
    return rc;
}

/* Writes a file below the root, making its folders. */
static void put(groups_t *g, const char *path, const char *content)
{
    char full[256];
    text_format(full, sizeof full, "%s/%s", g->root, path);
    for (char *slash = full + strlen(g->root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        (void)mkdir(full, 0700);
        *slash = '/';
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static void version_2_takes_the_least_limit_on_the_way_up(void **state)
{
    groups_t *g = *state;
    put(g, "membership", "0::/a/b/c\n");
    put(g, "a/b/c/memory.max", "max\n");
    put(g, "a/b/memory.max", "1000000\n");
    put(g, "a/memory.max", "2000000\n");
    assert_int_equal(machine_cgroup_limit(g->membership, g->root), 1000000);
    put(g, "a/memory.max", "500000\n");
    assert_int_equal(machine_cgroup_limit(g->membership, g->root), 500000);
}

static void version_1_looks_at_the_memory_hierarchy_only(void **state)
{
    groups_t *g = *state;
    put(g, "membership", "9:name=systemd:/x\n5:cpu,memory:/pod/1\n4:cpuset:/y\n0::/\n");
    put(g, "memory/pod/1/memory.limit_in_bytes", "9223372036854771712\n");
    put(g, "memory/pod/memory.limit_in_bytes", "3000000\n");
    put(g, "memory/y/memory.limit_in_bytes", "1\n");
    assert_int_equal(machine_cgroup_limit(g->membership, g->root), 3000000);
}

static void path_of_the_host_falls_back_to_what_exists_here(void **state)
{
    groups_t *g = *state;
    put(g, "membership", "0::/docker/0123456789\n");
    put(g, "memory.max", "4000000\n");
    assert_int_equal(machine_cgroup_limit(g->membership, g->root), 4000000);
}

static void no_group_or_nonsense_means_no_limit(void **state)
{
    groups_t *g = *state;
    assert_true(machine_cgroup_limit(g->membership, g->root) == UINT64_MAX);
    put(g, "membership", "nonsense\n:\n::\n0::/a\n1:memory\n");
    put(g, "a/memory.max", "12 apples\n");
    assert_true(machine_cgroup_limit(g->membership, g->root) == UINT64_MAX);
    put(g, "a/memory.max", "");
    assert_true(machine_cgroup_limit(g->membership, g->root) == UINT64_MAX);
}

static void memory_and_processors_of_this_machine_are_plausible(void **state)
{
    (void)state;
    uint64_t physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    assert_true(os_memory_total() > 1024 * 1024);
    assert_true(os_memory_total() <= physical);
    assert_true(os_cpu_count() >= 1);
    assert_true(os_cpu_count() <= (unsigned)sysconf(_SC_NPROCESSORS_CONF));
}

static void file_limit_is_raised_to_the_hard_one(void **state)
{
    (void)state;
    struct rlimit before, after;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit low = {.rlim_cur = 64, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(os_raise_file_limit(), before.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_int_equal(after.rlim_cur, before.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* ---- lines ---- */

static size_t written(const char *line, char *out, size_t out_bytes)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_true(os_write_line(ends[1], line, 0));
    close(ends[1]);
    ssize_t n = read(ends[0], out, out_bytes);
    close(ends[0]);
    assert_true(n >= 0);
    return (size_t)n;
}

static void line_is_written_whole_with_its_end(void **state)
{
    (void)state;
    char out[64];
    assert_int_equal(written("hello", out, sizeof out), 6);
    assert_memory_equal(out, "hello\n", 6);
    assert_int_equal(written("", out, sizeof out), 1);
}

static void long_line_is_cut_at_4_kib(void **state)
{
    (void)state;
    static char line[10000], out[20000];
    memset(line, 'x', sizeof line - 1);
    assert_int_equal(written(line, out, sizeof out), 4096);
    assert_int_equal(out[4095], '\n');
    assert_int_equal(out[4094], 'x');
}

static void line_that_nobody_reads_is_given_up_in_time(void **state)
{
    (void)state;
    int ends[2];
    char out[4096];
    assert_int_equal(pipe(ends), 0);
    size_t lines = 0;
    while (os_write_line(ends[1], "nobody reads this", 0))
        assert_true(++lines < 1000000);
    assert_true(lines > 0);
    clock_source_t c = os_clock();
    uint64_t before_ms = c.now_ms(c.context);
    assert_false(os_write_line(ends[1], "nor this", 30));
    uint64_t waited_ms = c.now_ms(c.context) - before_ms;
    assert_true(waited_ms >= 29 && waited_ms < 10000);
    assert_int_equal(read(ends[0], out, sizeof out), sizeof out);
    assert_true(os_write_line(ends[1], "but this", 0));
    close(ends[0]);
    close(ends[1]);
}

static void line_to_nowhere_is_lost_without_harm(void **state)
{
    (void)state;
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_false(os_write_line(ends[1], "nobody is there", 1000));
    close(ends[1]);
    assert_false(os_write_line(ends[1], "nothing is there", 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_never_goes_back_and_wall_time_is_now),
        cmocka_unit_test(thread_cpu_time_counts_work_not_sleep),
        cmocka_unit_test(random_octets_fill_all_and_differ),
        cmocka_unit_test(thread_runs_named_and_without_signals),
        cmocka_unit_test(long_thread_name_is_cut),
        cmocka_unit_test_setup_teardown(version_2_takes_the_least_limit_on_the_way_up, groups_setup,
                                        groups_teardown),
        cmocka_unit_test_setup_teardown(version_1_looks_at_the_memory_hierarchy_only, groups_setup,
                                        groups_teardown),
        cmocka_unit_test_setup_teardown(path_of_the_host_falls_back_to_what_exists_here, groups_setup,
                                        groups_teardown),
        cmocka_unit_test_setup_teardown(no_group_or_nonsense_means_no_limit, groups_setup, groups_teardown),
        cmocka_unit_test(memory_and_processors_of_this_machine_are_plausible),
        cmocka_unit_test(file_limit_is_raised_to_the_hard_one),
        cmocka_unit_test(line_is_written_whole_with_its_end),
        cmocka_unit_test(long_line_is_cut_at_4_kib),
        cmocka_unit_test(line_that_nobody_reads_is_given_up_in_time),
        cmocka_unit_test(line_to_nowhere_is_lost_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
