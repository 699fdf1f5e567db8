/* SPDX-License-Identifier: Apache-2.0
 *
 * space.c: what a few messages that nobody takes cost on the disk. Persistent messages pass through a queue, published,
 * confirmed, consumed and acked window by window; one in so many goes to a second queue instead and stays for ever. From
 * time to time a line says what has passed, what is left, and what the data folder takes. A disk that is bounded by what
 * is left levels off; one that is not grows with what has passed. */
#include "base/alloc.h"
#include "client/client.h"
#include "daemon.h"
#include "measure.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSING BYTES("bench.space")
#define STAYING BYTES("bench.space.staying")

typedef struct options {
    const char *program;
    const char *dir;
    const char *data; /* of a broker that runs already: its data folder; NULL: not looked at */
    uint16_t port;    /* of that one; 0: start one */
    uint64_t count;   /* messages */
    uint64_t keep_every;
    uint64_t window;
    uint64_t lines; /* of figures */
    size_t body_bytes;
} options_t;

typedef struct run {
    const options_t *o;
    client_t client;
    const char *data;
    pid_t pid; /* 0: not known */
    bytes_t body;
    uint64_t begin_ns;
    uint64_t published, confirmed, stayed;
    uint64_t sent, delivered, last_tag; /* to the queue that is read, and from it */
} run_t;

/* ---- figures ---- */

static uint64_t folder_bytes; /* nftw knows no context */

static int add_blocks(const char *path, const struct stat *what, int kind, struct FTW *where)
{
    (void)path, (void)where;
    if (kind == FTW_F)
        folder_bytes += (uint64_t)what->st_blocks * 512;
    return 0;
}

/* What its files take on the disk. */
static uint64_t disk_bytes(const char *folder)
{
    folder_bytes = 0;
    if (folder)
        (void)nftw(folder, add_blocks, 16, FTW_PHYS);
    return folder_bytes;
}

static uint64_t resident_bytes(pid_t pid)
{
    char path[64];
    uint64_t all = 0, pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = pid > 0 ? fopen(path, "r") : NULL;
    if (f == NULL || fscanf(f, "%" SCNu64 " %" SCNu64, &all, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void print_head(void)
{
    printf("%10s %12s %12s %10s %10s %10s %10s\n", "seconds", "messages", "passed MB", "left", "left MB",
           "disk MB", "memory MB");
}

static void print_line(const run_t *r)
{
    uint64_t bytes = r->o->body_bytes;
    printf("%10.1f %12" PRIu64 " %12.1f %10" PRIu64 " %10.1f %10.1f %10.1f\n",
           (double)(now_ns() - r->begin_ns) / 1e9, r->published, (double)(r->published * bytes) / 1e6,
           r->stayed, (double)(r->stayed * bytes) / 1e6, (double)disk_bytes(r->data) / 1e6,
           (double)resident_bytes(r->pid) / 1e6);
    fflush(stdout);
}

/* ---- the load ---- */

static int prepare(run_t *r)
{
    client_t *c = &r->client;
    client_event_t event;
    amqp_basic_consume_t consume = {.queue = PASSING};
    if (client_open(c, r->o->port) != 0 || client_declare_queue(c, PASSING, NULL) != 0 ||
        client_declare_queue(c, STAYING, NULL) != 0 || client_purge_queue(c, PASSING) != 0 ||
        client_purge_queue(c, STAYING) != 0 || client_select_confirms(c) != 0)
        return -1;
    return client_request(c, AMQP_basic_consume, &consume, AMQP_basic_consume_ok, &event);
}

static void publish_one(run_t *r)
{
    bool stays = r->published % r->o->keep_every == r->o->keep_every / 2;
    client_write_publish(&r->client, stays ? STAYING : PASSING, r->body);
    r->published++;
    *(stays ? &r->stayed : &r->sent) += 1;
}

/* Until all that was published is confirmed, and all that passes has come. */
static int receive_all(run_t *r)
{
    client_event_t event;
    while (r->confirmed < r->published || r->delivered < r->sent) {
        if (client_next(&r->client, &event) != 0)
            return -1;
        if (event.id == AMQP_basic_ack) {
            const amqp_basic_ack_t *ack = &event.method.basic_ack;
            r->confirmed = ack->multiple ? ack->delivery_tag : r->confirmed + 1;
        } else if (event.id == AMQP_basic_deliver) {
            r->last_tag = event.method.basic_deliver.delivery_tag;
            r->delivered++;
        } else {
            return error_set(&r->client.error, "the broker sent what nobody asked for");
        }
    }
    return 0;
}

static int pass_window(run_t *r)
{
    for (uint64_t i = 0; i < r->o->window && r->published < r->o->count; i++)
        publish_one(r);
    if (client_flush(&r->client) != 0 || receive_all(r) != 0)
        return -1;
    client_write(&r->client, AMQP_basic_ack,
                 &(amqp_basic_ack_t){.delivery_tag = r->last_tag, .multiple = true});
    return client_flush(&r->client);
}

#define QUIET_S      5
#define QUIET_MOST_S 300

/* What is still under way in the background comes to its end. */
static void wait_until_quiet(const run_t *r)
{
    uint64_t before = 0;
    for (int s = 0; s < QUIET_MOST_S && disk_bytes(r->data) != before; s += QUIET_S) {
        before = disk_bytes(r->data);
        sleep(QUIET_S);
        print_line(r);
    }
}

static int pass_all(run_t *r)
{
    print_head();
    print_line(r);
    for (uint64_t line = 1; line <= r->o->lines; line++) {
        uint64_t until = r->o->count / r->o->lines * line;
        while (r->published < (line == r->o->lines ? r->o->count : until))
            if (pass_window(r) != 0)
                return -1;
        print_line(r);
    }
    wait_until_quiet(r);
    return 0;
}

static int measure(options_t *o, const char *work, error_t *err)
{
    char path[512];
    bench_daemon_t daemon = {0};
    snprintf(path, sizeof path, "%s/data", work);
    if (o->port == 0) {
        if (bench_daemon_start(&daemon, o->program, path, err) != 0) {
            bench_daemon_stop(&daemon);
            return -1;
        }
        o->port = daemon.port;
        o->data = path;
    }
    void *octets = mem_zero(o->body_bytes + 1);
    run_t r = {.o = o,
               .data = o->data,
               .pid = daemon.pid,
               .body = bytes_make(octets, o->body_bytes),
               .begin_ns = now_ns()};
    int code = prepare(&r) == 0 ? pass_all(&r) : -1;
    if (code != 0)
        *err = r.client.error;
    client_close(&r.client);
    bench_daemon_stop(&daemon);
    mem_free(octets);
    return code;
}

/* ---- the command line ---- */

static void print_usage(FILE *to)
{
    fprintf(to, "usage: space [OPTION]...\n"
                "  --count N          messages (2000000)\n"
                "  --keep-every N     one of so many is left in a queue nobody reads (1000)\n"
                "  --body N           octets of a message's body (1024)\n"
                "  --window N         messages that are outstanding at most (500)\n"
                "  --lines N          how often figures are printed (20)\n"
                "  --chaskid PATH     the broker to start (build/chaskid)\n"
                "  --dir DIR          where its data is put, and removed again (.)\n"
                "  --port N           measure one that runs on 127.0.0.1 already\n"
                "  --data DIR         the data folder of that one\n");
}

static int parse_options(int argc, char **argv, options_t *o)
{
    static const struct option known[] = {
        {"count", required_argument, 0, 'c'},
        {"keep-every", required_argument, 0, 'k'},
        {"body", required_argument, 0, 'b'},
        {"window", required_argument, 0, 'w'},
        {"lines", required_argument, 0, 'l'},
        {"chaskid", required_argument, 0, 'x'},
        {"dir", required_argument, 0, 'd'},
        {"port", required_argument, 0, 'p'},
        {"data", required_argument, 0, 't'},
        {"help", no_argument, 0, 'h'},
        {0},
    };
    *o = (options_t){.program = "build/chaskid",
                     .dir = ".",
                     .count = 2000000,
                     .keep_every = 1000,
                     .window = 500,
                     .lines = 20,
                     .body_bytes = 1024};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;
        if (option == 'x')
            o->program = optarg;
        else if (option == 'd')
            o->dir = optarg;
        else if (option == 't')
            o->data = optarg;
        else if (option == 'p')
            o->port = (uint16_t)number;
        else if (option == 'c')
            o->count = number;
        else if (option == 'k')
            o->keep_every = number;
        else if (option == 'w')
            o->window = number;
        else if (option == 'l')
            o->lines = number;
        else if (option == 'b')
            o->body_bytes = (size_t)number;
        else if (option == 'h')
            print_usage(stdout), exit(0);
        else
            return -1;
    }
    bool is_good = o->count >= o->lines && o->lines >= 1 && o->keep_every >= 2 && o->window >= 1;
    return optind == argc && is_good ? 0 : -1;
}

int main(int argc, char **argv)
{
    options_t o;
    error_t err = {""};
    char work[400];
    if (parse_options(argc, argv, &o) != 0) {
        print_usage(stderr);
        return 2;
    }
    snprintf(work, sizeof work, "%s/bench-space.XXXXXX", o.dir);
    if (mkdtemp(work) == NULL) {
        fprintf(stderr, "space: cannot make a folder in %s: %s\n", o.dir, strerror(errno));
        return 1;
    }
    int code = measure(&o, work, &err);
    bench_folder_remove(work);
    if (code != 0)
        fprintf(stderr, "space: %s\n", err.text);
    return code != 0;
}
