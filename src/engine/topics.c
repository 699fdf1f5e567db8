/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/topics.h"

#include "engine/engine_internal.h"

const engine_topic_t *topics_find(const engine_t *e, const exchange_t *x, bytes_t topic)
{
    const engine_topic_t *best = NULL;
    for (size_t i = 0; i < e->options.topic_count; i++) {
        const engine_topic_t *t = &e->options.topics[i];
        if (bytes_starts_with(topic, bytes_string(t->prefix)) &&
            bytes_equal(x->name, bytes_string(t->exchange)) &&
            (best == NULL || strlen(t->prefix) >= strlen(best->prefix)))
            best = t;
    }
    return best;
}
