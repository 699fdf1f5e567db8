/* SPDX-License-Identifier: Apache-2.0
 *
 * meter.c: the broker is looked at when the warm-up ends, ten times a second, and in the end. */
#include "../measure.h"
#include "load.h"

#define LOOK_NS 100000000u

static uint64_t nanoseconds(double seconds)
{
    return (uint64_t)(seconds * 1e9);
}

static int look(const meter_t *m, process_usage_t *out, error_t *err)
{
    if (m->options->pid == 0)
        return 0;
    if (process_usage(m->options->pid, out, err) != 0)
        return -1;
    if (out->rss_bytes > m->result->rss_peak_bytes)
        m->result->rss_peak_bytes = out->rss_bytes;
    return 0;
}

void meter_start(meter_t *m, const load_options_t *o, load_result_t *r)
{
    *m = (meter_t){.options = o, .result = r, .begin_ns = now_ns() + nanoseconds(o->warmup_s)};
}

bool meter_running(meter_t *m, uint64_t now)
{
    process_usage_t seen;
    if (!m->counting && now >= m->begin_ns) {
        look(m, &m->result->before, NULL);
        m->counting = true;
        m->begin_ns = now;
        m->end_ns = now + nanoseconds(m->options->seconds);
    } else if (m->counting && now >= m->look_ns) {
        look(m, &seen, NULL);
        m->look_ns = now + LOOK_NS;
    }
    return !m->counting || now < m->end_ns;
}

int meter_stop(meter_t *m, error_t *err)
{
    m->counting = false;
    m->result->seconds = (double)(now_ns() - m->begin_ns) / 1e9;
    return look(m, &m->result->after, err);
}
