/* SPDX-License-Identifier: Apache-2.0
 *
 * folder.h: a folder of a test's own with files in it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/text.h"

typedef struct folder {
    char path[64];
    char names[16][128];
    size_t count;
} folder_t;

static int folder_setup(void **state)
{
    folder_t *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    snprintf(f->path, sizeof f->path, "/tmp/chaski-test-XXXXXX");
    *state = f;
    return mkdtemp(f->path) ? 0 : -1;
}

static int folder_teardown(void **state)
{
    folder_t *f = *state;
    while (f->count > 0)
        remove(f->names[--f->count]); /* last made first: files before their folder */
    remove(f->path);
    free(f);
    return 0;
}

static const char *folder_remember(folder_t *f, const char *name)
{
    assert_true(f->count < sizeof f->names / sizeof *f->names);
    char *path = f->names[f->count++];
    text_format(path, sizeof f->names[0], "%s/%s", f->path, name);
    return path;
}

/* Makes a file of these octets; its path is the folder's. */
static inline const char *folder_write(folder_t *f, const char *name, const void *octets, size_t len)
{
    const char *path = folder_remember(f, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(octets, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    return path;
}

static inline const char *folder_file(folder_t *f, const char *name, const char *text)
{
    return folder_write(f, name, text, strlen(text));
}

static inline void folder_make(folder_t *f, const char *name)
{
    assert_int_equal(mkdir(folder_remember(f, name), 0700), 0);
}
