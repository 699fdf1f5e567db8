/* SPDX-License-Identifier: Apache-2.0
 *
 * confirm.c: what a confirmed publish costs, beside what it cannot cost less than.
 *
 * One run, rounds in turn on the same file system and the same machine: (1) a bare pwrite and fdatasync into a file
 * that was written over before, (2) a bare round trip over loopback TCP, and (3) a persistent message into a durable
 * queue, one outstanding, from its send to its confirm. (Throughput with many of them: chaski perf amqp --confirms.)
 * Only the ratio of figures of one run says something: both parts of the bare cost change from machine to machine. */
#include "bare.h"
#include "base/alloc.h"
#include "client/client.h"
#include "daemon.h"
#include "measure.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE BYTES("bench.confirm")

typedef struct options {
    const char *program;
    const char *dir;
    uint16_t port; /* of a broker that runs already; 0: start one */
    size_t rounds;
    size_t count; /* repetitions a round */
    size_t body_bytes;
    size_t log_bytes; /* of the bare write */
    bool json;
} options_t;

/* p50, p90 and p99 of every round. */
typedef struct figure {
    rounds_t p50, p90, p99;
} figure_t;

typedef struct results {
    figure_t disk, loopback, confirm;
    rounds_t ratio;
} results_t;

static void figure_add(figure_t *f, samples_t *s)
{
    percentiles_t p = samples_percentiles(s);
    rounds_add(&f->p50, p.p50);
    rounds_add(&f->p90, p.p90);
    rounds_add(&f->p99, p.p99);
    s->count = 0;
}

/* One publish after the other, each from its send to its confirm. */
static int measure_confirms(client_t *c, bytes_t body, size_t count, samples_t *s)
{
    client_event_t event;
    for (size_t i = 0; i < count; i++) {
        uint64_t start = now_ns();
        client_write_publish(c, QUEUE, body);
        if (client_flush(c) != 0 || client_next(c, &event) != 0)
            return -1;
        if (event.id != AMQP_basic_ack)
            return error_set(&c->error, "a publish was not acknowledged");
        samples_add(s, now_ns() - start);
    }
    return 0;
}

static int run_round(const options_t *o, client_t *c, bare_disk_t *disk, bare_loopback_t *loopback,
                     results_t *r)
{
    samples_t s = {0};
    void *body_octets = mem_zero(o->body_bytes + 1);
    bytes_t body = bytes_make(body_octets, o->body_bytes);
    int code = bare_disk_measure(disk, o->count, &s, &c->error);
    if (code == 0) {
        figure_add(&r->disk, &s);
        code = bare_loopback_measure(loopback, o->count, &s, &c->error);
    }
    if (code == 0) {
        figure_add(&r->loopback, &s);
        code = measure_confirms(c, body, o->count, &s);
    }
    if (code == 0) {
        figure_add(&r->confirm, &s);
        size_t i = r->confirm.p50.count - 1;
        rounds_add(&r->ratio, r->confirm.p50.value[i] / (r->disk.p50.value[i] + r->loopback.p50.value[i]));
        code = client_purge_queue(c, QUEUE);
    }
    mem_free(s.ns);
    mem_free(body_octets);
    return code;
}

static int run_rounds(const options_t *o, bare_disk_t *disk, bare_loopback_t *loopback, results_t *r,
                      error_t *err)
{
    client_t c;
    int code = client_open(&c, o->port);
    if (code == 0)
        code = client_declare_queue(&c, QUEUE, NULL) | client_purge_queue(&c, QUEUE) |
               client_select_confirms(&c);
    for (size_t i = 0; code == 0 && i < o->rounds; i++)
        code = run_round(o, &c, disk, loopback, r);
    if (code != 0)
        *err = c.error;
    client_close(&c);
    return code;
}

static void print_figure(const char *name, const figure_t *f)
{
    printf("%-32s %9.1f %9.1f %9.1f    %.1f to %.1f\n", name, rounds_median(&f->p50), rounds_median(&f->p90),
           rounds_median(&f->p99), rounds_least(&f->p50), rounds_most(&f->p50));
}

static void print_table(const options_t *o, const results_t *r)
{
    printf("%zu rounds of %zu, medians of the rounds in microseconds\n\n", o->rounds, o->count);
    printf("%-32s %9s %9s %9s    %s\n", "", "p50", "p90", "p99", "range of p50");
    char name[64];
    snprintf(name, sizeof name, "pwrite + fdatasync, %zu octets", o->log_bytes);
    print_figure(name, &r->disk);
    print_figure("loopback round trip", &r->loopback);
    snprintf(name, sizeof name, "confirmed publish, %zu octets", o->body_bytes);
    print_figure(name, &r->confirm);
    printf("\nconfirm / (disk + loopback), p50: %.2f    (%.2f to %.2f)\n", rounds_median(&r->ratio),
           rounds_least(&r->ratio), rounds_most(&r->ratio));
}

static void print_json_figure(const char *name, const figure_t *f)
{
    printf("  \"%s_us\": {\"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, \"p50_least\": %.2f, \"p50_most\": "
           "%.2f},\n",
           name, rounds_median(&f->p50), rounds_median(&f->p90), rounds_median(&f->p99),
           rounds_least(&f->p50), rounds_most(&f->p50));
}

static void print_json_rounds(const char *name, const rounds_t *r)
{
    printf("  \"%s\": {\"median\": %.3f, \"least\": %.3f, \"most\": %.3f},\n", name, rounds_median(r),
           rounds_least(r), rounds_most(r));
}

static void print_json(const options_t *o, const results_t *r)
{
    printf("{\n");
    print_json_figure("disk", &r->disk);
    print_json_figure("loopback", &r->loopback);
    print_json_figure("confirm", &r->confirm);
    print_json_rounds("ratio", &r->ratio);
    printf("  \"rounds\": %zu, \"count\": %zu, \"body_bytes\": %zu, \"log_bytes\": %zu\n}\n", o->rounds,
           o->count, o->body_bytes, o->log_bytes);
}

static int measure(options_t *o, const char *work, results_t *r, error_t *err)
{
    char path[512];
    bare_disk_t disk = {.fd = -1};
    bare_loopback_t loopback = {.fd = -1};
    bench_daemon_t daemon = {0};
    snprintf(path, sizeof path, "%s/bare", work);
    int code = bare_disk_open(&disk, path, o->log_bytes, err);
    if (code == 0)
        code = bare_loopback_open(&loopback, 60, 21, err);
    if (code == 0 && o->port == 0) {
        snprintf(path, sizeof path, "%s/data", work);
        code = bench_daemon_start(&daemon, o->program, path, err);
        o->port = daemon.port;
    }
    if (code == 0)
        code = run_rounds(o, &disk, &loopback, r, err);
    bench_daemon_stop(&daemon);
    bare_loopback_close(&loopback);
    bare_disk_close(&disk);
    return code;
}

static void print_usage(FILE *to)
{
    fprintf(to, "usage: confirm [OPTION]...\n"
                "  --chaskid PATH     the broker to start (build/chaskid)\n"
                "  --port N           measure one that runs on 127.0.0.1 already\n"
                "  --dir DIR          where the data and the bare file are put, and removed again (.)\n"
                "  --rounds N         rounds, taken in turn (5)\n"
                "  --count N          repetitions a round (2000)\n"
                "  --body N           octets of a message's body (1024)\n"
                "  --log-bytes N      octets of the bare write (512)\n"
                "  --json             print an object instead of a table\n");
}

static int parse_options(int argc, char **argv, options_t *o)
{
    static const struct option known[] = {
        {"chaskid", required_argument, 0, 'x'},
        {"port", required_argument, 0, 'p'},
        {"dir", required_argument, 0, 'd'},
        {"rounds", required_argument, 0, 'r'},
        {"count", required_argument, 0, 'c'},
        {"body", required_argument, 0, 'b'},
        {"log-bytes", required_argument, 0, 'l'},
        {"json", no_argument, 0, 'j'},
        {"help", no_argument, 0, 'h'},
        {0},
    };
    *o = (options_t){.program = "build/chaskid",
                     .dir = ".",
                     .rounds = 5,
                     .count = 2000,
                     .body_bytes = 1024,
                     .log_bytes = 512};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        size_t number = optarg != NULL ? strtoul(optarg, NULL, 10) : 0;
        switch (option) {
        case 'x':
            o->program = optarg;
            break;
        case 'd':
            o->dir = optarg;
            break;
        case 'p':
            o->port = (uint16_t)number;
            break;
        case 'r':
            o->rounds = number;
            break;
        case 'c':
            o->count = number;
            break;
        case 'b':
            o->body_bytes = number;
            break;
        case 'l':
            o->log_bytes = number;
            break;
        case 'j':
            o->json = true;
            break;
        case 'h':
            print_usage(stdout);
            exit(0);
        default:
            return -1;
        }
    }
    return optind == argc && o->rounds >= 1 && o->rounds <= ROUNDS_MAX && o->count >= 1 && o->log_bytes >= 1
               ? 0
               : -1;
}

int main(int argc, char **argv)
{
    options_t o;
    error_t err = {""};
    results_t results = {0};
    char work[400];
    if (parse_options(argc, argv, &o) != 0) {
        print_usage(stderr);
        return 2;
    }
    snprintf(work, sizeof work, "%s/bench-confirm.XXXXXX", o.dir);
    if (mkdtemp(work) == NULL) {
        fprintf(stderr, "confirm: cannot make a folder in %s: %s\n", o.dir, strerror(errno));
        return 1;
    }
    int code = measure(&o, work, &results, &err);
    bench_folder_remove(work);
    if (code != 0) {
        fprintf(stderr, "confirm: %s\n", err.text);
        return 1;
    }
    (o.json ? print_json : print_table)(&o, &results);
    return 0;
}
