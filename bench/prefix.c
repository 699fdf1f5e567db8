/* SPDX-License-Identifier: Apache-2.0
 *
 * prefix.c: what the index of prefixes costs, beside nothing else: octets a prefix, and times of filling, matching and
 * emptying it. Prefixes are 27 octets, all different, of one holder; topics begin with one of them.
 *
 *   prefix [PREFIXES]        default: 1000000 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "engine/bus/prefix.h"
#include "measure.h"

#define PREFIX_BYTES 27
#define TOPIC_BYTES  40

static void count_hit(void *context, prefix_holder_t *who, const prefix_place_t *place)
{
    (void)who, (void)place;
    ++*(size_t *)context;
}

/* Octets of this process that are in memory. */
static size_t resident(void)
{
    size_t pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%zu %zu", &all, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static bytes_t topic_of(size_t i, char out[TOPIC_BYTES + 1], size_t bytes)
{
    snprintf(out, TOPIC_BYTES + 1, "sensors.%012zu.celsius.hall.of.x", (i * 2654435761u) % 1000000000000u);
    return bytes_make(out, bytes);
}

static double per_second(size_t count, uint64_t begin_ns)
{
    return (double)count * 1e9 / (double)(now_ns() - begin_ns);
}

static void fill(prefix_index_t *x, prefix_holder_t *who, size_t count)
{
    char text[TOPIC_BYTES + 1];
    size_t before = resident();
    uint64_t begin = now_ns();
    for (size_t i = 0; i < count; i++)
        if (!prefix_add(x, who, topic_of(i, text, PREFIX_BYTES)))
            abort();
    double speed = per_second(count, begin);
    sleep(2); /* what is free goes back to the machine meanwhile, as in the daemon */
    size_t taken = resident() - before;
    printf("filled    %10.0f prefixes/s, %.1f MB, %.1f octets a prefix\n", speed, (double)taken / 1e6,
           (double)taken / (double)count);
}

/* Topics are made ahead: what is measured is the index. `hit`: each fits one prefix; else none. */
static void match(const prefix_index_t *x, size_t count, bool hit)
{
    enum { TOPICS = 1 << 18, ROUNDS = 8 };
    char(*topics)[TOPIC_BYTES + 1] = mem_alloc(TOPICS * sizeof *topics);
    size_t hits = 0;
    for (size_t i = 0; i < TOPICS; i++)
        (void)topic_of(hit ? (i * 7919) % count : count + i, topics[i], TOPIC_BYTES);
    uint64_t begin = now_ns();
    for (size_t i = 0; i < (size_t)TOPICS * ROUNDS; i++)
        (void)prefix_match(x, bytes_make(topics[i % TOPICS], TOPIC_BYTES), count_hit, &hits);
    printf("matched   %10.0f topics/s, %zu hits of %d, %zu lengths in use\n",
           per_second((size_t)TOPICS * ROUNDS, begin), hits, TOPICS * ROUNDS, x->lengths.count);
    mem_free(topics);
}

static void empty(prefix_index_t *x, prefix_holder_t *who, size_t count)
{
    uint64_t begin = now_ns();
    while (prefix_remove_any(x, who))
        ;
    printf("emptied   %10.0f prefixes/s\n", per_second(count, begin));
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    prefix_index_t x;
    prefix_holder_t who = {0}, few = {0};
    if (count == 0)
        return 2;
    prefix_index_init(&x);
    fill(&x, &who, count);
    match(&x, count, true);
    match(&x, count, false);
    for (size_t bytes = 1; bytes < PREFIX_BYTES; bytes++) /* that no topic begins with */
        (void)prefix_add(&x, &few, bytes_make("zzzzzzzzzzzzzzzzzzzzzzzzzzz", bytes));
    match(&x, count, true);
    while (prefix_remove_any(&x, &few))
        ;
    empty(&x, &who, count);
    prefix_holder_deinit(&who);
    prefix_holder_deinit(&few);
    prefix_index_deinit(&x);
    return 0;
}
