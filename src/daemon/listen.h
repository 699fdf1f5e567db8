/* SPDX-License-Identifier: Apache-2.0
 *
 * listen.h: opens the listeners of the settings and names each in the log. */
#pragma once

#include "admin/admin.h"
#include "config/config.h"
#include "daemon/bus.h"
#include "net/net.h"

/* One of the two HTTP listeners. */
typedef struct listen_http {
    const char *key; /* "management": its settings are KEY.tcp.port, … */
    const char *ip;
    uint16_t port;
    bool enabled, is_api;
} listen_http_t;

listen_http_t listen_management(const settings_t *s);
listen_http_t listen_prometheus(const settings_t *s);

/* False, with the reason, if the ip is none. */
bool listen_http_address(const listen_http_t *which, net_address_t *out, error_t *err);

/* True if all addresses have one of the forms there are, and users that are named are there; else says which setting is
 * wrong. */
bool listen_check(const settings_t *s, error_t *err);

/* Opens all of AMQP's and the bus's or fails, saying which and what to do. Adds them to `opened`. The context of `accepted` is
 * the listener's bus_port_t. */
int listen_all(const settings_t *s, bus_t *bus, net_loop_t *loop, net_accepted_t *accepted,
               admin_listeners_t *opened, const log_t *log, error_t *err);
