/* SPDX-License-Identifier: Apache-2.0
 *
 * stream.c: normally `next` alone. Where several consumers share a queue their deliveries overtake each other, and what
 * is ahead of a gap is kept as bits until the gap closes. */
#include "perf/stream.h"

#include <string.h>

#include "base/alloc.h"

#define LEAST_PLACES 64

static uint64_t *word_of(const stream_t *s, uint32_t number, uint64_t *bit)
{
    size_t place = number & (s->ahead_places - 1);
    *bit = (uint64_t)1 << (place & 63);
    return &s->ahead[place / 64];
}

static bool is_set(const stream_t *s, uint32_t number)
{
    uint64_t bit;
    return s->ahead && (*word_of(s, number, &bit) & bit) != 0;
}

static void set(stream_t *s, uint32_t number, bool on)
{
    uint64_t bit, *word = word_of(s, number, &bit);
    *word = on ? *word | bit : *word & ~bit;
}

/* Room for a message so far ahead of `next`. */
static void grow(stream_t *s, size_t distance)
{
    stream_t old = *s;
    s->ahead_places = old.ahead_places ? old.ahead_places : LEAST_PLACES;
    while (s->ahead_places <= distance)
        s->ahead_places *= 2;
    s->ahead = mem_zero(s->ahead_places / 8);
    for (uint32_t i = 0; i < old.ahead_places; i++)
        if (is_set(&old, old.next + i))
            set(s, old.next + i, true);
    mem_free(old.ahead);
}

/* One place further, and over all that came ahead. */
static void advance(stream_t *s)
{
    do {
        if (s->ahead)
            set(s, s->next, false);
        s->next++;
    } while (is_set(s, s->next));
}

bool stream_take(stream_t *s, uint32_t number)
{
    if (number == s->next) {
        advance(s);
        return true;
    }
    if (number < s->next || (number - s->next < s->ahead_places && is_set(s, number)))
        return false;
    while (number - s->next >= STREAM_AHEAD_MAX) {
        s->lost++;
        advance(s);
    }
    if (number == s->next) {
        advance(s);
        return true;
    }
    if (number - s->next >= s->ahead_places)
        grow(s, number - s->next);
    set(s, number, true);
    return true;
}

uint64_t stream_end(const stream_t *s)
{
    uint64_t end = s->next;
    for (uint32_t i = 0; i < s->ahead_places; i++)
        if (is_set(s, s->next + i))
            end = (uint64_t)s->next + i + 1;
    return end;
}

uint64_t stream_missing(const stream_t *s, uint64_t expected)
{
    uint64_t missing = s->lost + (expected > s->next ? expected - s->next : 0);
    for (uint32_t i = 0; i < s->ahead_places && s->next + (uint64_t)i < expected; i++)
        missing -= is_set(s, s->next + i);
    return missing;
}

void stream_deinit(stream_t *s)
{
    mem_free(s->ahead);
    *s = (stream_t){0};
}
