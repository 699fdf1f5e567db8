/* SPDX-License-Identifier: Apache-2.0
 *
 * perf_report.c: what `chaski perf` says while it runs, and at the end: for people or as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/perf.h"

/* "1.23 M", "12.3 k", "123" */
static const char *short_number(double v, char *out, size_t out_bytes)
{
    if (v >= 1e6)
        text_format(out, out_bytes, "%.2f M", v / 1e6);
    else if (v >= 1e4)
        text_format(out, out_bytes, "%.1f k", v / 1e3);
    else
        text_format(out, out_bytes, "%.0f", v);
    return out;
}

/* ---- while it runs ---- */

static const enum perf_count shown_rates[] = {PERF_SENT, PERF_CONFIRMED, PERF_RECEIVED, PERF_DECLARED,
                                              PERF_CONNECTED};

void perf_show_progress(void *context, const perf_progress_t *p)
{
    (void)context;
    bool terminal = isatty(STDERR_FILENO) == 1;
    fprintf(stderr, "%s%5.1f s", terminal ? "\r\033[K" : "", p->seconds);
    for (size_t i = 0; i < sizeof shown_rates / sizeof *shown_rates; i++) {
        char rate[32];
        enum perf_count which = shown_rates[i];
        if (p->interval[which] > 0)
            fprintf(stderr, "  %s %s/s", perf_count_name(which),
                    short_number((double)p->interval[which] / p->interval_seconds, rate, sizeof rate));
    }
    for (enum perf_count i = PERF_LOST; i < PERF_COUNT_KINDS; i++)
        if (p->count[i] > 0)
            fprintf(stderr, "  %" PRIu64 " %s!", p->count[i], perf_count_name(i));
    fputs(terminal ? "" : "\n", stderr);
    fflush(stderr);
}

void perf_end_progress(const perf_request_t *r)
{
    if (!r->quiet && isatty(STDERR_FILENO) == 1)
        fputs("\r\033[K", stderr);
}

/* ---- figures ---- */

static const char *const mode_names[] = {
    [PERF_LOAD] = "load", [PERF_FILL] = "fill",   [PERF_DRAIN] = "drain",
    [PERF_IDLE] = "idle", [PERF_CHURN] = "churn", [PERF_DECLARE] = "declare",
};

static double rate_of(const perf_report_t *r, enum perf_count which)
{
    return r->seconds > 0 ? (double)r->measured[which] / r->seconds : 0;
}

/* What the broker's CPU time is divided by. */
static enum perf_count unit_of(const perf_options_t *o)
{
    switch (o->mode) {
    case PERF_IDLE:
    case PERF_CHURN:
        return PERF_CONNECTED;
    case PERF_DECLARE:
        return PERF_DECLARED;
    case PERF_FILL:
        return PERF_SENT;
    default:
        return o->consumers > 0 ? PERF_RECEIVED : PERF_SENT;
    }
}

static double cpu_per_million(const perf_options_t *o, const perf_report_t *r)
{
    uint64_t units = r->measured[unit_of(o)];
    return units > 0 ? r->broker.cpu_seconds * 1e6 / (double)units : 0;
}

/* ---- JSON ---- */

static json_t *latency_json(const perf_latency_t *l)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f}", "p50", l->p50, "p90", l->p90, "p99", l->p99, "p99.9",
                     l->p999, "max", l->max);
}

static json_t *broker_json(const perf_options_t *o, const perf_report_t *r)
{
    return json_pack("{s:i, s:f, s:f, s:I, s:I, s:I}", "pid", (int)o->pid, "cpu_seconds",
                     r->broker.cpu_seconds, "cpu_seconds_per_million", cpu_per_million(o, r),
                     "rss_before_bytes", (json_int_t)r->broker.rss_before_bytes, "rss_bytes",
                     (json_int_t)r->broker.rss_bytes, "rss_peak_bytes", (json_int_t)r->broker.rss_peak_bytes);
}

static void add_rates(json_t *out, const perf_report_t *r)
{
    json_object_set_new(out, "send_rate", json_real(rate_of(r, PERF_SENT)));
    json_object_set_new(out, "receive_rate", json_real(rate_of(r, PERF_RECEIVED)));
    if (r->count[PERF_DECLARED] > 0)
        json_object_set_new(out, "declare_rate", json_real(rate_of(r, PERF_DECLARED)));
    else
        json_object_set_new(out, "connections_rate", json_real(rate_of(r, PERF_CONNECTED)));
}

static void print_json(const perf_request_t *request, const perf_report_t *r)
{
    const perf_options_t *o = &request->options;
    json_t *out = json_pack("{s:s, s:f}", "mode", mode_names[o->mode], "seconds", r->seconds);
    for (enum perf_count i = 0; i < PERF_COUNT_KINDS; i++)
        json_object_set_new(out, perf_count_name(i), json_integer((json_int_t)r->count[i]));
    add_rates(out, r);
    if (r->latency.count > 0)
        json_object_set_new(out, "latency_us", latency_json(&r->latency));
    if (r->confirm.count > 0)
        json_object_set_new(out, "confirm_us", latency_json(&r->confirm));
    if (r->broker_known)
        json_object_set_new(out, "broker", broker_json(o, r));
    print_json_line(out);
}

/* ---- for people ---- */

static void print_latency(const char *name, const perf_latency_t *l)
{
    if (l->count > 0)
        printf("  %-12s p50 %.0f us, p90 %.0f, p99 %.0f, p99.9 %.0f, most %.0f\n", name, l->p50, l->p90,
               l->p99, l->p999, l->max);
}

static void print_counts(const perf_report_t *r)
{
    for (enum perf_count i = 0; i < PERF_COUNT_KINDS; i++) {
        char rate[32];
        if (r->count[i] == 0)
            continue;
        printf("  %-12s %12" PRIu64, perf_count_name(i), r->count[i]);
        if (i < PERF_LOST && r->measured[i] > 0)
            printf("  %10s/s", short_number(rate_of(r, i), rate, sizeof rate));
        else
            printf("  %10s  ", "");
        printf("  %s\n", perf_count_text(i));
    }
}

static void print_broker(const perf_options_t *o, const perf_report_t *r)
{
    char before[32], now[32], peak[32];
    printf("  %-12s %.2f CPU s, %.3f a million (%s)\n", "broker", r->broker.cpu_seconds,
           cpu_per_million(o, r), perf_count_name(unit_of(o)));
    printf("  %-12s %s before, %s at the end, %s at most\n", "memory",
           print_size((double)r->broker.rss_before_bytes, before, sizeof before),
           print_size((double)r->broker.rss_bytes, now, sizeof now),
           print_size((double)r->broker.rss_peak_bytes, peak, sizeof peak));
}

void perf_print_report(const perf_request_t *request, const perf_report_t *r)
{
    if (request->json) {
        print_json(request, r);
        return;
    }
    printf("%s, measured for %.2f s\n", mode_names[request->options.mode], r->seconds);
    print_counts(r);
    print_latency("latency", &r->latency);
    print_latency("confirm", &r->confirm);
    if (r->broker_known)
        print_broker(&request->options, r);
    if (!perf_found_faults(r))
        printf("  nothing lost, double, out of order or damaged\n");
}
