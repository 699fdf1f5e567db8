/* SPDX-License-Identifier: Apache-2.0
 *
 * throughput.h: messages through a queue with many confirms outstanding, and one consumer that acks many at once. */
#pragma once

#include "base/bytes.h"
#include "client/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct throughput {
    uint16_t port;
    bytes_t queue;
    bytes_t body;
    size_t outstanding; /* publishes without a confirm, at most */
    size_t messages;
    bool consume; /* by a connection and thread of its own; else they stay in the queue */
} throughput_t;

/* Publishes all on `c`, whose channel is in confirm mode and whose next publish has the tag `*next_tag`, and waits
 * for all confirms and, if they are consumed, for the last delivery and for its ack to be taken. */
int throughput_run(const throughput_t *t, client_t *c, uint64_t *next_tag, double *seconds);
