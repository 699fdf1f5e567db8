/* SPDX-License-Identifier: Apache-2.0
 *
 * command.h (cli): runs a command for an event. */
#pragma once

#include "base/bytes.h"
#include "base/error.h"

/* What a command left; freed with command_result_free. */
typedef struct command_result {
    buffer_t output;  /* its standard output, without the end of its last line */
    char reason[512]; /* of a failure: the last line it wrote to standard error, or how it ended */
    bool failed;
    bool killed; /* by a signal */
} command_result_t;

void command_result_free(command_result_t *r);

/* The path of a program as the shell would find it, or false: so that a slip is found before events come. */
bool command_exists(const char *name);

/* Runs `argv` with `input` as its standard input and `environment` (NULL at its end; NAME=VALUE) beside ours, to its end.
 * Its standard error goes to ours. `tick` is called a few times a second meanwhile. -1: it cannot be started. */
int command_run(char **argv, const char *const *environment, bytes_t input, void (*tick)(void *),
                void *context, command_result_t *result, error_t *err);
