/* SPDX-License-Identifier: Apache-2.0
 *
 * bus.h: the event bus of the settings, as the rooms want it: what connections are for, with their keys, and the rules of
 * topics. */
#pragma once

#include "config/config.h"
#include "engine/engine.h"
#include "zmtp/zmtp.h"

/* One port: an AMQP listener's, a bus.listen.NAME, a bus.connect.NAME. */
typedef struct bus_port {
    zmtp_bus_t bus;
    char name[SETTINGS_TEXT_BYTES + 16]; /* "bus.listen.events" */
    const settings_bus_t *settings;      /* NULL: of the AMQP listeners */
    zmtp_curve_user_t *users;
    void *owner; /* who accepts its connections */
} bus_port_t;

typedef struct bus {
    bus_port_t amqp; /* of all listeners.tcp */
    bus_port_t *listen, *connect;
    size_t listen_count, connect_count;
    engine_topic_t *topics;
    size_t topic_count;
} bus_t;

/* Reads the key files. The settings must outlive it; `owner` is written into the ports. bus_deinit in every case. */
int bus_init(bus_t *b, const settings_t *s, void *owner, const log_t *log, error_t *err);

/* After all sessions, and the engine. Wipes the keys. */
void bus_deinit(bus_t *b);
