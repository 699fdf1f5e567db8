/* SPDX-License-Identifier: Apache-2.0
 *
 * load_main.c: the program build/bench/bus-load: one load on a broker that runs, and an object of what it came to. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define EXIT_FAULT 1
#define EXIT_USAGE 2

static void print_usage(FILE *to)
{
    fprintf(
        to,
        "usage: bus-load --url URL [OPTION]...\n"
        "Synchronous events, or PUB and SUB, on a broker of this machine; prints a JSON object.\n"
        "  --url URL          tcp://127.0.0.1:PORT speaks ZMTP; bare://127.0.0.1:PORT nothing (bus-relay)\n"
        "  --subscribe URL    where subscribers connect (that of --url)\n"
        "  --pid N            the broker's process: its CPU time and memory are told too\n"
        "  --handlers N       synchronous events, with so many handlers\n"
        "  --late             they answer only when the window is out, of many publishers: memory of\n"
        "                     what waits\n"
        "  --subscribers N    PUB and SUB, with so many subscribers\n"
        "  --size N           octets of a message (16)\n"
        "  --window N         events or messages on their way at most (1)\n"
        "  --warmup S         seconds that do not count (0)\n"
        "  --time S           seconds that do (1)\n"
        "exit codes: 0 all came as it should, 1 a fault, 2 wrong use\n");
}

/* ---- options ---- */

static int parse_number(const char *text, size_t least, size_t most, size_t *out)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || *text == '-' || value < least || value > most)
        return -1;
    *out = (size_t)value;
    return 0;
}

static int parse_seconds(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= 0 && *out <= 1e6 ? 0 : -1;
}

static int parse_url(const char *text, bool *bare, uint16_t *port)
{
    static const char zmtp[] = "tcp://127.0.0.1:", octets[] = "bare://127.0.0.1:";
    size_t number;
    *bare = strncmp(text, octets, strlen(octets)) == 0;
    if (!*bare && strncmp(text, zmtp, strlen(zmtp)) != 0)
        return -1;
    if (parse_number(text + strlen(*bare ? octets : zmtp), 1, UINT16_MAX, &number) != 0)
        return -1;
    *port = (uint16_t)number;
    return 0;
}

static int parse_option(int option, const char *text, load_options_t *o)
{
    bool bare;
    size_t number;
    int code = 0;
    switch (option) {
    case 'u':
        return parse_url(text, &o->bare, &o->port);
    case 'S':
        return parse_url(text, &bare, &o->subscribe_port) == 0 && !bare ? 0 : -1;
    case 'p':
        code = parse_number(text, 1, INT32_MAX, &number);
        o->pid = code == 0 ? (pid_t)number : 0;
        return code;
    case 'h':
        return parse_number(text, 1, HANDLERS_MOST, &o->handlers);
    case 's':
        return parse_number(text, 1, SUBSCRIBERS_MOST, &o->subscribers);
    case 'l':
        o->late = true;
        return 0;
    case 'T':
        o->topic = true;
        return 0;
    case 'z':
        return parse_number(text, 16, 65536, &o->size);
    case 'w':
        return parse_number(text, 1, 10000000, &o->window);
    case 'W':
        return parse_seconds(text, &o->warmup_s);
    case 't':
        return parse_seconds(text, &o->seconds);
    case 'H':
        print_usage(stdout);
        exit(0);
    default:
        return -1;
    }
}

static int parse_options(int argc, char **argv, load_options_t *o)
{
    static const struct option known[] = {
        {"url", required_argument, 0, 'u'},
        {"subscribe", required_argument, 0, 'S'},
        {"pid", required_argument, 0, 'p'},
        {"handlers", required_argument, 0, 'h'},
        {"late", no_argument, 0, 'l'},
        {"subscribers", required_argument, 0, 's'},
        {"size", required_argument, 0, 'z'},
        {"topic", no_argument, 0, 'T'},
        {"window", required_argument, 0, 'w'},
        {"warmup", required_argument, 0, 'W'},
        {"time", required_argument, 0, 't'},
        {"help", no_argument, 0, 'H'},
        {0},
    };
    *o = (load_options_t){.window = 1, .size = 16, .seconds = 1};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        if (parse_option(option, optarg, o) != 0)
            return -1;
    o->subscribe_port = o->subscribe_port ? o->subscribe_port : o->port;
    bool one_load = (o->handlers > 0) != (o->subscribers > 0);
    bool can_be_bare = !o->subscribers && !o->late, can_be_late = o->handlers && o->pid;
    return optind == argc && o->port && one_load && (!o->bare || can_be_bare) && (!o->late || can_be_late)
               ? 0
               : -1;
}

/* ---- the report ---- */

static void print_latency(const histogram_t *h)
{
    printf("\"latency_us\": {\"p50\": %.1f, \"p99\": %.1f}, ", (double)histogram_at(h, 0.5) / 1e3,
           (double)histogram_at(h, 0.99) / 1e3);
}

static void print_report(const load_options_t *o, const load_result_t *r)
{
    printf("{\"count\": %" PRIu64 ", \"seconds\": %.3f, ", r->count, r->seconds);
    if (r->seconds > 0)
        printf("\"receive_rate\": %.1f, ", (double)r->count / r->seconds);
    if (r->latency_ns.total > 0)
        print_latency(&r->latency_ns);
    printf("\"window\": %zu", o->window);
    if (o->pid)
        printf(", \"broker\": {\"cpu_seconds_per_million\": %.4f, \"rss_before_bytes\": %" PRIu64
               ", \"rss_bytes\": %" PRIu64 ", \"rss_peak_bytes\": %" PRIu64 "}",
               r->count ? (r->after.cpu_seconds - r->before.cpu_seconds) / (double)r->count * 1e6 : 0,
               r->before.rss_bytes, r->after.rss_bytes, r->rss_peak_bytes);
    printf("}\n");
}

int main(int argc, char **argv)
{
    static load_result_t result;
    load_options_t o;
    error_t err = {""};
    if (parse_options(argc, argv, &o) != 0) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    int (*load)(const load_options_t *, load_result_t *, error_t *) = o.subscribers ? load_fan
                                                                      : o.late      ? load_late
                                                                                    : load_sync;
    if (load(&o, &result, &err) != 0) {
        fprintf(stderr, "bus-load: %s\n", err.text);
        return EXIT_FAULT;
    }
    print_report(&o, &result);
    return 0;
}
