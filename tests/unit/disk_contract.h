/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_contract.h: what every disk of base/disk.h does, real or simulated. Each test gets a disk_under_test_t with an
 * empty disk as its state. */
#pragma once

#include "disk_expect.h"

/* The first member of the fixture of each disk. */
typedef struct disk_under_test {
    disk_t *disk;
} disk_under_test_t;

static disk_t *disk_in(void **state)
{
    return ((disk_under_test_t *)*state)->disk;
}

/* ---- opening ---- */

static void a_created_file_is_empty_and_there(void **state)
{
    disk_t *d = disk_in(state);
    disk_file_t *f = open_file(d, "a", DISK_CREATE);
    assert_int_equal(size_of_file(f), 0);
    assert_octets(f, 0, 10, "", 0);
    assert_names(d, "a");
    disk_close(&f);
    disk_close(&f); /* harmless */
}

static void a_file_that_exists_is_not_created(void **state)
{
    disk_t *d = disk_in(state);
    error_t err = {""};
    disk_file_t *f = NULL;
    make_file(d, "a", "kept");
    assert_int_equal(disk_open(d, "a", DISK_CREATE, &f, &err), DISK_EXISTS);
    assert_null(f);
    assert_non_null(strstr(err.text, "cannot create"));
    assert_int_equal(disk_open(d, "a", DISK_CREATE, &f, NULL), DISK_EXISTS);
    assert_text(d, "a", "kept");
}

static void a_file_that_is_missing_is_not_found(void **state)
{
    disk_t *d = disk_in(state);
    error_t err = {""};
    disk_file_t *f = NULL;
    assert_int_equal(disk_open(d, "missing", DISK_READ, &f, &err), DISK_NOT_FOUND);
    assert_non_null(strstr(err.text, "missing"));
    assert_int_equal(disk_open(d, "missing", DISK_WRITE, &f, NULL), DISK_NOT_FOUND);
    assert_int_equal(disk_remove(d, "missing", &err), DISK_NOT_FOUND);
    assert_int_equal(disk_rename(d, "missing", "a", &err), DISK_NOT_FOUND);
    assert_null(f);
    assert_names(d, "");
}

static void a_file_opened_for_reading_is_not_written(void **state)
{
    disk_t *d = disk_in(state);
    error_t err = {""};
    make_file(d, "a", "kept");
    disk_file_t *f = open_file(d, "a", DISK_READ);
    assert_int_equal(disk_write(f, 0, &(output_piece_t){"lost", 4}, 1, &err), DISK_FAILED);
    assert_non_null(strstr(err.text, "cannot write"));
    disk_close(&f);
    assert_text(d, "a", "kept");
}

static void a_file_opened_for_writing_keeps_its_content(void **state)
{
    disk_t *d = disk_in(state);
    make_file(d, "a", "0123456789");
    disk_file_t *f = open_file(d, "a", DISK_WRITE);
    write_text(f, 3, "xy");
    assert_int_equal(size_of_file(f), 10);
    assert_octets(f, 0, 10, "012xy56789", 10);
    disk_close(&f);
    assert_text(d, "a", "012xy56789");
}

/* ---- octets ---- */

static void a_read_at_the_end_is_short(void **state)
{
    disk_t *d = disk_in(state);
    make_file(d, "a", "0123456789");
    disk_file_t *f = open_file(d, "a", DISK_READ);
    assert_octets(f, 7, 3, "789", 3);
    assert_octets(f, 7, 4, "789", 3);
    assert_octets(f, 10, 4, "", 0);
    assert_octets(f, 5000, 4, "", 0);
    assert_octets(f, 4, 0, "", 0);
    disk_close(&f);
}

static void a_write_past_the_end_leaves_zeros_between(void **state)
{
    disk_t *d = disk_in(state);
    disk_file_t *f = open_file(d, "a", DISK_CREATE);
    char expected[2003] = "ab";
    memcpy(expected + 2000, "end", 3);
    write_text(f, 0, "ab");
    write_text(f, 2000, "end");
    assert_int_equal(size_of_file(f), 2003);
    assert_octets(f, 0, 3000, expected, sizeof expected);
    disk_close(&f);
}

static void a_write_of_nothing_changes_nothing(void **state)
{
    disk_t *d = disk_in(state);
    disk_file_t *f = open_file(d, "a", DISK_CREATE);
    assert_int_equal(disk_write(f, 100, NULL, 0, NULL), 0);
    assert_int_equal(disk_write(f, 100, &(output_piece_t){NULL, 0}, 1, NULL), 0);
    assert_int_equal(size_of_file(f), 0);
    disk_close(&f);
}

static void pieces_are_written_end_to_end(void **state)
{
    disk_t *d = disk_in(state);
    disk_file_t *f = open_file(d, "a", DISK_CREATE);
    output_piece_t pieces[] = {{NULL, 0}, {"one", 3}, {"", 0}, {"", 0}, {"two", 3}, {"three", 5}, {NULL, 0}};
    assert_int_equal(disk_write(f, 2, pieces, 7, NULL), 0);
    assert_octets(f, 0, 100, "\0\0onetwothree", 13);
    disk_close(&f);
}

/* More pieces than a system call takes, of all small sizes, the empty one too. */
static void many_pieces_are_written_end_to_end(void **state)
{
    enum { COUNT = 5000 };
    disk_t *d = disk_in(state);
    disk_file_t *f = open_file(d, "a", DISK_CREATE);
    uint8_t *octets = malloc(COUNT * 4);
    output_piece_t *pieces = calloc(COUNT, sizeof *pieces);
    assert_true(octets && pieces);
    size_t len = 0;
    for (size_t i = 0; i < COUNT; len += pieces[i].len, i++)
        pieces[i] = (output_piece_t){octets + len, i % 5};
    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)(i * 7 + i / 256);
    assert_int_equal(disk_write(f, 0, pieces, COUNT, NULL), 0);
    assert_octets(f, 0, len + 1, octets, len);
    disk_close(&f);
    free(pieces);
    free(octets);
}

static void a_large_write_arrives_whole(void **state)
{
    enum { LARGE = 3 * 1024 * 1024 + 17 };
    disk_t *d = disk_in(state);
    disk_file_t *f = open_file(d, "a", DISK_CREATE);
    uint8_t *octets = malloc(LARGE);
    assert_non_null(octets);
    for (size_t i = 0; i < LARGE; i++)
        octets[i] = (uint8_t)(i * 13 + i / 1000);
    output_piece_t halves[] = {{octets, LARGE / 2}, {octets + LARGE / 2, LARGE - LARGE / 2}};
    assert_int_equal(disk_write(f, 5, halves, 2, NULL), 0);
    assert_int_equal(disk_sync(f, NULL), 0);
    assert_octets(f, 5, LARGE, octets, LARGE);
    disk_close(&f);
    free(octets);
}

static void two_handles_see_one_file(void **state)
{
    disk_t *d = disk_in(state);
    disk_file_t *writer = open_file(d, "a", DISK_CREATE);
    disk_file_t *reader = open_file(d, "a", DISK_READ);
    write_text(writer, 0, "seen at once");
    assert_octets(reader, 0, 100, "seen at once", 12);
    disk_close(&writer);
    assert_octets(reader, 5, 100, "at once", 7);
    disk_close(&reader);
}

/* ---- names ---- */

static void a_renamed_file_has_the_new_name_only(void **state)
{
    disk_t *d = disk_in(state);
    error_t err;
    disk_file_t *f = open_file(d, "a", DISK_CREATE);
    write_text(f, 0, "moved");
    assert_int_equal(disk_rename(d, "a", "b", &err), 0);
    assert_names(d, "b");
    assert_text(d, "b", "moved");
    write_text(f, 5, " on"); /* an open handle goes with it */
    disk_close(&f);
    assert_text(d, "b", "moved on");
    assert_int_equal(disk_open(d, "a", DISK_READ, &f, &err), DISK_NOT_FOUND);
}

static void a_rename_replaces_what_had_the_name(void **state)
{
    disk_t *d = disk_in(state);
    make_file(d, "a", "new");
    make_file(d, "b", "old");
    disk_file_t *old = open_file(d, "b", DISK_READ);
    assert_int_equal(disk_rename(d, "a", "b", NULL), 0);
    assert_names(d, "b");
    assert_text(d, "b", "new");
    assert_octets(old, 0, 10, "old", 3); /* lives on as long as it is open */
    disk_close(&old);
}

static void a_removed_file_is_gone_but_for_who_has_it_open(void **state)
{
    disk_t *d = disk_in(state);
    make_file(d, "a", "gone");
    make_file(d, "b", "stays");
    disk_file_t *f = open_file(d, "a", DISK_WRITE);
    assert_int_equal(disk_remove(d, "a", NULL), 0);
    assert_names(d, "b");
    write_text(f, 4, "!");
    assert_octets(f, 0, 10, "gone!", 5);
    assert_int_equal(disk_sync(f, NULL), 0);
    make_file(d, "a", "another"); /* the name is free */
    assert_text(d, "a", "another");
    disk_close(&f);
    assert_text(d, "a", "another");
}

typedef struct remover {
    disk_t *disk;
    unsigned count;
} remover_t;

static void remove_each(void *context, const char *name)
{
    remover_t *r = context;
    r->count++;
    assert_int_equal(disk_remove(r->disk, name, NULL), 0);
}

static void files_can_be_removed_while_they_are_listed(void **state)
{
    remover_t r = {.disk = disk_in(state)};
    const char *names[] = {"a", "b", "c", "d", "e", "f", "g"};
    for (size_t i = 0; i < 7; i++)
        make_file(r.disk, names[i], "");
    assert_int_equal(disk_list(r.disk, remove_each, &r, NULL), 0);
    assert_int_equal(r.count, 7);
    assert_names(r.disk, "");
}

static void everything_can_be_synced(void **state)
{
    disk_t *d = disk_in(state);
    disk_file_t *f = open_file(d, "a", DISK_CREATE);
    assert_int_equal(disk_sync_directory(d, NULL), 0);
    assert_int_equal(disk_sync(f, NULL), 0);
    write_text(f, 0, "x");
    assert_int_equal(disk_sync(f, NULL), 0);
    disk_close(&f);
    assert_int_equal(disk_rename(d, "a", "b", NULL), 0);
    assert_int_equal(disk_sync_directory(d, NULL), 0);
    assert_text(d, "b", "x");
}

static void there_is_space(void **state)
{
    uint64_t bytes = 0;
    assert_int_equal(disk_free_bytes(disk_in(state), &bytes, NULL), 0);
    assert_true(bytes > 0);
}

/* ---- the lock ---- */

static void a_lock_is_taken_once(void **state)
{
    disk_t *d = disk_in(state);
    error_t err = {""};
    assert_int_equal(disk_lock(d, "lock", &err), 0);
    assert_names(d, "lock");
    assert_int_equal(disk_lock(d, "lock", &err), DISK_LOCKED);
    assert_non_null(strstr(err.text, "in use by process "));
    assert_int_equal(disk_lock(d, "lock", NULL), DISK_LOCKED);
}

#define DISK_CONTRACT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* For the table of tests of a program with these two functions. */
#define DISK_CONTRACT_TESTS                                                                                  \
    DISK_CONTRACT_TEST(a_created_file_is_empty_and_there),                                                   \
        DISK_CONTRACT_TEST(a_file_that_exists_is_not_created),                                               \
        DISK_CONTRACT_TEST(a_file_that_is_missing_is_not_found),                                             \
        DISK_CONTRACT_TEST(a_file_opened_for_reading_is_not_written),                                        \
        DISK_CONTRACT_TEST(a_file_opened_for_writing_keeps_its_content),                                     \
        DISK_CONTRACT_TEST(a_read_at_the_end_is_short),                                                      \
        DISK_CONTRACT_TEST(a_write_past_the_end_leaves_zeros_between),                                       \
        DISK_CONTRACT_TEST(a_write_of_nothing_changes_nothing),                                              \
        DISK_CONTRACT_TEST(pieces_are_written_end_to_end),                                                   \
        DISK_CONTRACT_TEST(many_pieces_are_written_end_to_end),                                              \
        DISK_CONTRACT_TEST(a_large_write_arrives_whole), DISK_CONTRACT_TEST(two_handles_see_one_file),       \
        DISK_CONTRACT_TEST(a_renamed_file_has_the_new_name_only),                                            \
        DISK_CONTRACT_TEST(a_rename_replaces_what_had_the_name),                                             \
        DISK_CONTRACT_TEST(a_removed_file_is_gone_but_for_who_has_it_open),                                  \
        DISK_CONTRACT_TEST(files_can_be_removed_while_they_are_listed),                                      \
        DISK_CONTRACT_TEST(everything_can_be_synced), DISK_CONTRACT_TEST(there_is_space),                    \
        DISK_CONTRACT_TEST(a_lock_is_taken_once)
