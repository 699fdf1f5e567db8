/* SPDX-License-Identifier: Apache-2.0
 *
 * admin_side.h: HTTP (admin/admin.h) on a thread of its own, and what it is told of process and machine. */
#pragma once

#include "admin/admin.h"
#include "config/config.h"
#include "daemon/engine_side.h"
#include "daemon/io_side.h"
#include "os/os.h"

typedef struct admin_side_options {
    const settings_t *settings;
    const char *cluster_name, *node;
    const auth_t *auth;
    const log_t *log;
    const admin_listeners_t *listeners; /* filled later */
    engine_side_t *engine;              /* with its wake-up made */
    const store_side_t *store;          /* open */
    const io_side_t *io;
    size_t io_count;
} admin_side_options_t;

typedef struct admin_side {
    admin_side_options_t options;
    admin_t *admin; /* NULL: neither listener is enabled */
    os_wakeup_t *wakeup;
    os_thread_t *thread;
} admin_side_t;

/* Makes the room and attaches it to the engine. admin_side_deinit in every case, not before the engine has ended. */
int admin_side_init(admin_side_t *a, const admin_side_options_t *options, error_t *err);
void admin_side_deinit(admin_side_t *a);

/* Opens the listeners of the settings, names each in the log, and adds it to `opened`. */
int admin_side_listen(admin_side_t *a, admin_listeners_t *opened, error_t *err);

int admin_side_start(admin_side_t *a, error_t *err);

/* Ends the thread, if there is one. */
void admin_side_join(admin_side_t *a);

/* For the engine's thread, before it sleeps: true if something was asked. */
bool admin_side_has_commands(const admin_side_t *a);
