/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_main.c: the simulator's command line.
 *
 *   sim --seeds FROM-TO [--bug NAME]   runs them one after the other; ends at the first that goes wrong, with 1
 *       [--step N] [--seconds N]       every n-th of them; begins none after so many seconds
 *   sim --seed N [--verbose]           runs one, and shows what happens
 *   sim --bugs                         names those that can be planted */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/text.h"
#include "sim/bugs.h"
#include "sim/report.h"
#include "sim/world.h"

typedef struct arguments {
    uint64_t from, to, step, seconds;
    bool verbose;
} arguments_t;

static void usage(void)
{
    fprintf(
        stderr,
        "usage: sim --seeds FROM-TO [--step N] [--seconds N] | --seed N [--verbose] [--bug NAME] | --bugs\n");
    exit(2);
}

static uint64_t number(const char *text, size_t len)
{
    uint64_t n;
    if (!text_parse_u64(bytes_make(text, len), &n))
        usage();
    return n;
}

static void list_bugs(void)
{
    for (int i = 1; i < BUGS; i++)
        printf("%s\n", bug_name((bug_t)i));
    exit(0);
}

static void parse(arguments_t *a, int count, char **values)
{
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? values[i + 1] : "";
        const char *dash = strchr(value, '-');
        if (strcmp(values[i], "--verbose") == 0) {
            a->verbose = true;
            continue;
        }
        if (strcmp(values[i], "--bugs") == 0)
            list_bugs();
        else if (strcmp(values[i], "--seed") == 0)
            a->from = a->to = number(value, strlen(value));
        else if (strcmp(values[i], "--seeds") == 0 && dash)
            a->from = number(value, (size_t)(dash - value)), a->to = number(dash + 1, strlen(dash + 1));
        else if (strcmp(values[i], "--step") == 0)
            a->step = number(value, strlen(value));
        else if (strcmp(values[i], "--seconds") == 0)
            a->seconds = number(value, strlen(value));
        else if (strcmp(values[i], "--bug") != 0 || !bug_plant(value))
            usage();
        i++;
    }
    if (a->to < a->from || a->to == 0 || a->step == 0)
        usage();
}

static double seconds_by(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Returns how many. */
static uint64_t run(world_t *w, const arguments_t *a)
{
    uint64_t count = 0;
    double end = seconds_by(CLOCK_MONOTONIC) + (double)a->seconds;
    for (uint64_t seed = a->from; seed <= a->to; seed += a->step) {
        if (a->seconds > 0 && seconds_by(CLOCK_MONOTONIC) >= end)
            break;
        world_run(w, seed);
        count++;
    }
    return count;
}

int main(int count, char **values)
{
    arguments_t a = {.step = 1};
    parse(&a, count, values);
    report_init(a.verbose);
    /* Disks come and go, a history each: their memory stays. */
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    mallopt(M_MMAP_THRESHOLD, 256 << 20);
    world_t *w = MEM_NEW(world_t);
    double begin = seconds_by(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t histories = run(w, &a);
    double took = seconds_by(CLOCK_PROCESS_CPUTIME_ID) - begin;
    printf("sim: %llu histories passed (seeds %llu to %llu, every %llu): %llu acts, %llu messages published, "
           "%llu "
           "delivered; %.0f histories per second of a processor\n",
           (unsigned long long)histories, (unsigned long long)a.from,
           (unsigned long long)(a.from + (histories ? histories - 1 : 0) * a.step),
           (unsigned long long)a.step, (unsigned long long)w->acts, (unsigned long long)w->messages,
           (unsigned long long)w->deliveries, (double)histories / (took > 0 ? took : 1));
    mem_free(w);
    return 0;
}
