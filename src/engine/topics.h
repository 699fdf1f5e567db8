/* SPDX-License-Identifier: Apache-2.0
 *
 * topics.h: what is different for some topics of an exchange (bus.topic.NAME). */
#pragma once

#include "base/bytes.h"
#include "engine/engine.h"

typedef struct exchange exchange_t;

/* What holds for this topic of the exchange: of the rules whose prefix it has, the longest; NULL: nothing special. */
const engine_topic_t *topics_find(const engine_t *e, const exchange_t *x, bytes_t topic);
