/* SPDX-License-Identifier: Apache-2.0
 *
 * declare.h: what the ports of the bus name is there before anybody connects. */
#pragma once

#include "daemon/bus.h"
#include "daemon/engine_side.h"

/* Declares the exchanges and queues of the bus's ports that are not there yet (durable; exchanges of type topic), and binds
 * queues, as a client of `port` would: what is said in the log before is left as it is. Before any thread but the store's
 * runs: it steps the engine. -1, naming the setting, if the engine refuses. */
int declare_bus(const bus_t *bus, engine_side_t *engine, port_t *port, const char *user, error_t *err);
