/* SPDX-License-Identifier: Apache-2.0
 *
 * disk_expect.h: short words for files and names of any disk, and what is expected of them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/disk.h"

static inline disk_file_t *open_file(disk_t *d, const char *name, disk_mode_t mode)
{
    error_t err;
    disk_file_t *f = NULL;
    if (disk_open(d, name, mode, &f, &err) != 0)
        fail_msg("%s", err.text);
    assert_ptr_equal(f->disk, d);
    return f;
}

static inline void write_text(disk_file_t *f, uint64_t offset, const char *text)
{
    error_t err;
    output_piece_t piece = {text, strlen(text)};
    if (disk_write(f, offset, &piece, 1, &err) != 0)
        fail_msg("%s", err.text);
}

/* What is read from there, up to `len` octets, is exactly this. */
static inline void assert_octets(disk_file_t *f, uint64_t offset, size_t len, const void *expected,
                                 size_t expected_len)
{
    error_t err;
    size_t got = 12345;
    char *out = malloc(len + 1);
    assert_non_null(out);
    int rc = disk_read(f, offset, out, len, &got, &err);
    assert_int_equal(rc, 0);
    assert_int_equal(got, expected_len);
    assert_memory_equal(out, expected, expected_len);
    free(out);
}

static inline void assert_text(disk_t *d, const char *name, const char *expected)
{
    disk_file_t *f = open_file(d, name, DISK_READ);
    assert_octets(f, 0, strlen(expected) + 100, expected, strlen(expected));
    disk_close(&f);
    assert_null(f);
}

static inline void make_file(disk_t *d, const char *name, const char *text)
{
    disk_file_t *f = open_file(d, name, DISK_CREATE);
    write_text(f, 0, text);
    disk_close(&f);
}

static inline uint64_t size_of_file(disk_file_t *f)
{
    uint64_t bytes = 12345;
    assert_int_equal(disk_size(f, &bytes, NULL), 0);
    return bytes;
}

typedef struct name_list {
    char names[16][32];
    size_t count;
} name_list_t;

static inline void remember_name(void *context, const char *name)
{
    name_list_t *l = context;
    assert_true(l->count < 16 && strlen(name) < 32);
    strcpy(l->names[l->count++], name);
}

static inline int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The names of all files, sorted, with a space between them. */
static inline void assert_names(disk_t *d, const char *expected)
{
    name_list_t l = {.count = 0};
    char text[16 * 33] = "";
    assert_int_equal(disk_list(d, remember_name, &l, NULL), 0);
    qsort(l.names, l.count, sizeof l.names[0], compare_names);
    for (size_t i = 0; i < l.count; i++)
        strcat(strcat(text, i ? " " : ""), l.names[i]);
    assert_string_equal(text, expected);
}
