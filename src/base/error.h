/* SPDX-License-Identifier: Apache-2.0
 *
 * error.h: why something outside of us failed, as a person will read it. */
#pragma once

/* glibc's <errno.h> has an error_t of its own (an int) for _GNU_SOURCE; ours takes the name, whichever comes first. */
#ifndef __error_t_defined
#define __error_t_defined 1
#endif
#define error_t chaski_error_t

typedef struct error {
    char text[512];
} error_t;

/* Writes the text (cut to fit) and returns -1, so that `return error_set(err, …)` reads well. `err` may be NULL. */
int error_set(error_t *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
