/* SPDX-License-Identifier: Apache-2.0
 *
 * config_files.h: which files a configuration consists of: FILE, then conf.d/ beside it, name by name. */
#pragma once

#include <stddef.h>

#include "base/error.h"

typedef struct config_files {
    char **names;
    size_t count;
} config_files_t;

/* `file` may be NULL: no files. A missing conf.d is fine; one that cannot be read is not. */
int config_files_find(config_files_t *files, const char *file, error_t *err);
void config_files_deinit(config_files_t *files);
