/* SPDX-License-Identifier: Apache-2.0
 *
 * measure.c: percentiles by sorting; the median of rounds with their range, because one round alone says little on
 * a machine that others use too. */
#include "measure.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void samples_add(samples_t *s, uint64_t ns)
{
    if (s->count == s->capacity) {
        s->capacity = s->capacity == 0 ? 4096 : s->capacity * 2;
        s->ns = mem_resize(s->ns, s->capacity * sizeof *s->ns);
    }
    s->ns[s->count++] = ns;
}

static int compare_ns(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double at_share(const samples_t *s, double share)
{
    size_t index = (size_t)(share * (double)s->count);
    return (double)s->ns[index < s->count ? index : s->count - 1] / 1000;
}

percentiles_t samples_percentiles(samples_t *s)
{
    assert(s->count > 0);
    qsort(s->ns, s->count, sizeof *s->ns, compare_ns);
    return (percentiles_t){at_share(s, 0.5), at_share(s, 0.9), at_share(s, 0.99)};
}

void rounds_add(rounds_t *r, double value)
{
    assert(r->count < ROUNDS_MAX);
    r->value[r->count++] = value;
}

static int compare_values(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static rounds_t sorted(const rounds_t *r)
{
    assert(r->count > 0);
    rounds_t copy = *r;
    qsort(copy.value, copy.count, sizeof *copy.value, compare_values);
    return copy;
}

double rounds_median(const rounds_t *r)
{
    rounds_t in_order = sorted(r);
    size_t half = in_order.count / 2;
    return in_order.count % 2 == 1 ? in_order.value[half]
                                   : (in_order.value[half - 1] + in_order.value[half]) / 2;
}

double rounds_least(const rounds_t *r)
{
    return sorted(r).value[0];
}

double rounds_most(const rounds_t *r)
{
    return sorted(r).value[r->count - 1];
}
