/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_story.h: a story on a simulated disk of each of many seeds, and the outcomes that it had. */
#pragma once

#include <stdio.h>

#include "disk_expect.h"
#include "sim/sim_disk.h"

enum { SEEDS = 400, SECTOR = 512 };

static inline void sync_file(disk_file_t *f)
{
    assert_int_equal(disk_sync(f, NULL), 0);
}

static inline void sync_names(disk_t *d)
{
    assert_int_equal(disk_sync_directory(d, NULL), 0);
}

/* `count` sectors full of this octet. */
static inline void write_sectors(disk_file_t *f, uint64_t first, size_t count, char octet)
{
    char octets[32 * SECTOR];
    assert_true(count <= 32);
    memset(octets, octet, sizeof octets);
    output_piece_t piece = {octets, count * SECTOR};
    assert_int_equal(disk_write(f, first * SECTOR, &piece, 1, NULL), 0);
}

/* A file that is there, with its name and `sectors` of 'o', whatever happens. */
static inline disk_file_t *make_safe_file(disk_t *d, const char *name, size_t sectors)
{
    disk_file_t *f = open_file(d, name, DISK_CREATE);
    if (sectors > 0)
        write_sectors(f, 0, sectors, 'o');
    sync_file(f);
    sync_names(d);
    return f;
}

static inline bool is_there(disk_t *d, const char *name)
{
    disk_file_t *f = NULL;
    int rc = disk_open(d, name, DISK_READ, &f, NULL);
    assert_true(rc == 0 || rc == DISK_NOT_FOUND);
    disk_close(&f);
    return rc == 0;
}

/* The first octet of each sector, as text; fails if a sector is not all the same. '0' for a zero. */
static inline void read_sectors(disk_t *d, const char *name, char *out, size_t out_bytes)
{
    disk_file_t *f = open_file(d, name, DISK_READ);
    char sector[SECTOR];
    size_t got = 0, count = 0;
    while (disk_read(f, count * SECTOR, sector, SECTOR, &got, NULL) == 0 && got > 0) {
        for (size_t i = 1; i < got; i++)
            assert_int_equal(sector[i], sector[0]);
        assert_true(count + 1 < out_bytes);
        out[count++] = sector[0] ? sector[0] : '0';
    }
    out[count] = '\0';
    disk_close(&f);
}

/* A set of outcomes, to count how many unlike ones there were. */
typedef struct outcomes {
    char texts[64][40];
    size_t count;
} outcomes_t;

static inline bool outcomes_have(const outcomes_t *o, const char *text)
{
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->texts[i], text) == 0)
            return true;
    return false;
}

static inline void outcomes_add(outcomes_t *o, const char *text)
{
    if (outcomes_have(o, text))
        return;
    assert_true(o->count < 64);
    snprintf(o->texts[o->count++], sizeof o->texts[0], "%s", text);
}

/* Runs the story on a disk of each seed, power cycle at its end, and gathers what the file "f" is then: its
 * sectors, or "-" if it is not there. */
typedef void story_t(sim_disk_t *s, disk_t *d);

static inline outcomes_t *outcomes_of(story_t *story)
{
    static outcomes_t outcomes;
    outcomes = (outcomes_t){.count = 0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        char text[40] = "-";
        sim_disk_t *s = sim_disk_new(seed);
        disk_t *d = sim_disk_disk(s);
        story(s, d);
        sim_disk_power_cycle(s);
        if (is_there(d, "f"))
            read_sectors(d, "f", text, sizeof text);
        outcomes_add(&outcomes, text);
        sim_disk_free(&s);
    }
    return &outcomes;
}

static inline void assert_only(const outcomes_t *o, const char *text)
{
    assert_int_equal(o->count, 1);
    assert_string_equal(o->texts[0], text);
}

static inline void put_name(void *context, const char *name)
{
    char *text = context;
    char *at = text;
    while (*at && *at < name[0]) /* sorted; names are single letters */
        at++;
    memmove(at + 1, at, strlen(at) + 1);
    *at = name[0];
}

/* ---- stories ---- */

static inline void overwrite_three(sim_disk_t *s, disk_t *d)
{
    (void)s;
    disk_file_t *f = make_safe_file(d, "f", 4);
    write_sectors(f, 0, 3, 'n');
    disk_close(&f);
}

static inline void many_writes(sim_disk_t *s, disk_t *d)
{
    (void)s;
    disk_file_t *f = make_safe_file(d, "f", 30);
    for (uint64_t i = 0; i < 30; i++)
        write_sectors(f, i, 1, 'n');
    disk_close(&f);
}
