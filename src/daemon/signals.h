/* SPDX-License-Identifier: Apache-2.0
 *
 * signals.h: signals as something readable in the main loop, instead of as interruptions. */
#pragma once

#include "base/error.h"

typedef struct signals {
    int fd;
    unsigned stops;   /* SIGTERM and SIGINT so far */
    unsigned reloads; /* SIGHUP so far */
} signals_t;

/* Blocks the signals for this thread and those it starts from now on, and ignores SIGPIPE. */
int signals_init(signals_t *s, error_t *err);
void signals_deinit(signals_t *s);

/* Counts what has come; does not block. */
void signals_read(signals_t *s);
