/* SPDX-License-Identifier: Apache-2.0
 *
 * listen.h: opens the listeners of the settings and names each in the log. */
#pragma once

#include "config/config.h"
#include "net/net.h"

/* True if all addresses have one of the forms there are; else says which setting does not. */
bool listen_check(const settings_t *s, error_t *err);

/* Opens all of them or fails, saying which and what to do. */
int listen_all(const settings_t *s, net_loop_t *loop, net_accepted_t *accepted, void *context,
               const log_t *log, error_t *err);
