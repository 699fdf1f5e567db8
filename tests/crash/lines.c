/* SPDX-License-Identifier: Apache-2.0
 *
 * lines.c: publishes a text file line by line, or consumes it again, through as many deaths of the broker as come.
 *
 *   lines publish PORT FILE ID OF WINDOW   every OF-th line from line ID on, persistent, WINDOW unconfirmed at most
 *   lines consume PORT OUT BATCH           until SIGTERM, acks BATCH deliveries at once
 *   lines drain PORT OUT BATCH             until the queue is empty
 *
 * A body is "ID SEQUENCE LINE". What was not confirmed when a connection ended is sent again, in order, on the next
 * one. A consumer appends each body to OUT behind '*' (redelivered) or ' '. Progress goes to stdout. */
#include "client/client.h"

#include "base/alloc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define QUEUE           BYTES("crash.lines")
#define RECONNECT_TRIES 3000 /* 20 ms apart: a minute */
#define REPORT_EVERY    5000

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "lines: %s: %s\n", what, why);
    exit(1);
}

/* Connects as soon as there is a broker, and makes sure that the queue is there. */
static void connect_again(client_t *c, uint16_t port)
{
    for (int i = 0; i < RECONNECT_TRIES; i++) {
        if (client_open(c, port) == 0 && client_declare_queue(c, QUEUE, NULL) == 0)
            return;
        client_close(c);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    die("no broker", c->error.text);
}

/* ---- publishing ---- */

/* The lines of this publisher; `confirmed` and `next` count them: those below `confirmed` are safe, those from
 * `next` on were not sent on this connection. `early` notes confirms that came before that of an earlier line. */
typedef struct publisher {
    bytes_t *lines;
    size_t count;
    size_t confirmed;
    size_t next;
    size_t first_of_connection;
    size_t window;
    size_t resent;
    bool *early;
    buffer_t body;
    const char *id;
} publisher_t;

static buffer_t read_file(const char *path)
{
    buffer_t text = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        die(path, strerror(errno));
    for (;;) {
        if (!buffer_reserve(&text, 1 << 20))
            die(path, "too large");
        size_t got = fread(text.data + text.len, 1, 1 << 20, file);
        if (got == 0)
            break;
        text.len += got;
    }
    fclose(file);
    return text;
}

static void take_lines(publisher_t *p, bytes_t text, size_t first, size_t of)
{
    size_t capacity = 0, number = 0;
    for (size_t at = 0; at < text.len; number++) {
        const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
        size_t length = end != NULL ? (size_t)(end - text.data) - at : text.len - at;
        if (number % of == first) {
            if (p->count == capacity) {
                capacity = capacity == 0 ? 65536 : capacity * 2;
                p->lines = mem_resize(p->lines, capacity * sizeof *p->lines);
            }
            p->lines[p->count++] = bytes_make(text.data + at, length);
        }
        at += length + 1;
    }
}

static void write_line(publisher_t *p, client_t *c)
{
    char head[64];
    int length = snprintf(head, sizeof head, "%s %zu ", p->id, p->next);
    buffer_clear(&p->body);
    write_bytes(&p->body, bytes_make(head, (size_t)length));
    write_bytes(&p->body, p->lines[p->next]);
    client_write_publish(c, QUEUE, buffer_bytes(&p->body));
    p->next++;
}

static void report(publisher_t *p, size_t before)
{
    if (before / REPORT_EVERY != p->confirmed / REPORT_EVERY || p->confirmed == p->count) {
        printf("confirmed %zu\n", p->confirmed);
        fflush(stdout);
    }
}

/* A confirm of one line, or of all up to it. */
static void note_confirm(publisher_t *p, const amqp_basic_ack_t *ack)
{
    size_t line = p->first_of_connection + (size_t)ack->delivery_tag - 1, before = p->confirmed;
    if (ack->delivery_tag == 0 || line >= p->next)
        die("a confirm", "of what was not sent");
    if (ack->multiple)
        while (p->confirmed <= line)
            p->early[p->confirmed++ % p->window] = false;
    else
        p->early[line % p->window] = true;
    while (p->confirmed < p->next && p->early[p->confirmed % p->window])
        p->early[p->confirmed++ % p->window] = false;
    report(p, before);
}

static int publish_on(publisher_t *p, client_t *c)
{
    client_event_t event;
    while (p->confirmed < p->count) {
        while (p->next < p->count && p->next - p->confirmed < p->window)
            write_line(p, c);
        if (client_flush(c) != 0)
            return -1;
        do {
            if (client_next(c, &event) != 0)
                return -1;
            if (event.id != AMQP_basic_ack)
                die("a line", "was not acknowledged");
            note_confirm(p, &event.method.basic_ack);
        } while (client_has_input(c));
    }
    return 0;
}

static int publish(uint16_t port, char **arguments)
{
    size_t first = strtoul(arguments[1], NULL, 10), of = strtoul(arguments[2], NULL, 10), connections = 0;
    publisher_t p = {.id = arguments[1], .window = strtoul(arguments[3], NULL, 10)};
    if (of == 0 || p.window == 0)
        return 2;
    p.early = mem_zero(p.window * sizeof *p.early);
    buffer_t text = read_file(arguments[0]);
    take_lines(&p, buffer_bytes(&text), first, of);
    client_t c;
    do {
        connect_again(&c, port);
        connections++;
        p.resent += p.next - p.confirmed;
        p.first_of_connection = p.next = p.confirmed;
        memset(p.early, 0, p.window * sizeof *p.early);
        if (client_select_confirms(&c) == 0)
            (void)publish_on(&p, &c); /* ended early: the next connection goes on */
        client_close(&c);
    } while (p.confirmed < p.count);
    printf("done %zu resent %zu connections %zu\n", p.count, p.resent, connections);
    mem_free(p.lines);
    mem_free(p.early);
    buffer_free(&p.body);
    buffer_free(&text);
    return 0;
}

/* ---- consuming ---- */

typedef struct consumer {
    FILE *out;
    size_t batch;
    size_t received;
    size_t redelivered;
    uint64_t last_tag; /* of this connection */
    uint64_t acked_tag;
} consumer_t;

static int ack_all(consumer_t *k, client_t *c)
{
    if (k->last_tag == k->acked_tag)
        return 0;
    client_write(c, AMQP_basic_ack, &(amqp_basic_ack_t){.delivery_tag = k->last_tag, .multiple = true});
    k->acked_tag = k->last_tag;
    return client_flush(c);
}

static int take_delivery(consumer_t *k, client_t *c)
{
    client_event_t event;
    if (client_next(c, &event) != 0)
        return -1;
    if (event.id != AMQP_basic_deliver)
        return 0;
    bool redelivered = event.method.basic_deliver.redelivered;
    fputc(redelivered ? '*' : ' ', k->out);
    fwrite(event.body.data, 1, event.body.len, k->out);
    fputc('\n', k->out);
    k->last_tag = event.method.basic_deliver.delivery_tag;
    k->redelivered += redelivered;
    if (++k->received % REPORT_EVERY == 0) {
        printf("received %zu\n", k->received);
        fflush(stdout);
    }
    return k->last_tag - k->acked_tag >= k->batch ? ack_all(k, c) : 0;
}

static int start_consuming(consumer_t *k, client_t *c)
{
    client_event_t event;
    amqp_basic_qos_t qos = {.prefetch_count = (uint16_t)(k->batch * 4 > 65535 ? 65535 : k->batch * 4)};
    amqp_basic_consume_t consume = {.queue = QUEUE};
    k->last_tag = k->acked_tag = 0;
    if (client_request(c, AMQP_basic_qos, &qos, AMQP_basic_qos_ok, &event) != 0)
        return -1;
    return client_request(c, AMQP_basic_consume, &consume, AMQP_basic_consume_ok, &event);
}

/* Until there is something to read, or SIGTERM came. */
static bool wait_for_input(const client_t *c)
{
    struct pollfd one = {.fd = c->fd, .events = POLLIN};
    while (!client_has_input(c) && !stopped)
        if (poll(&one, 1, 50) > 0)
            return true;
    return !stopped;
}

static int consume_on(consumer_t *k, client_t *c)
{
    while (wait_for_input(c))
        if (take_delivery(k, c) != 0)
            return -1;
    return ack_all(k, c);
}

/* Takes as many as are ready; nobody else publishes or consumes any more. */
static int drain_on(consumer_t *k, client_t *c)
{
    uint32_t left = 0;
    if (client_declare_queue(c, QUEUE, &left) != 0 || (left > 0 && start_consuming(k, c) != 0))
        return -1;
    for (size_t end = k->received + left; k->received < end;)
        if (take_delivery(k, c) != 0)
            return -1;
    if (ack_all(k, c) != 0 || client_declare_queue(c, QUEUE, &left) != 0)
        return -1;
    stopped = left == 0;
    return 0;
}

/* So that acks before it are done with when the next client looks. */
static void close_politely(client_t *c)
{
    client_event_t event;
    (void)client_request(c, AMQP_channel_close, &(amqp_channel_close_t){.reply_code = 200},
                         AMQP_channel_close_ok, &event);
    client_close(c);
}

static int consume(uint16_t port, char **arguments, bool drain)
{
    consumer_t k = {.out = fopen(arguments[0], "ab"), .batch = strtoul(arguments[1], NULL, 10)};
    if (k.out == NULL)
        die(arguments[0], strerror(errno));
    puts("received 0"); /* SIGTERM is understood from here on */
    fflush(stdout);
    size_t connections = 0;
    client_t c;
    while (!stopped) {
        connect_again(&c, port);
        connections++;
        if (drain)
            (void)drain_on(&k, &c);
        else if (start_consuming(&k, &c) == 0)
            (void)consume_on(&k, &c);
        close_politely(&c);
    }
    if (fclose(k.out) != 0)
        die(arguments[0], strerror(errno));
    printf("done %zu redelivered %zu connections %zu\n", k.received, k.redelivered, connections);
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGTERM, stop);
    uint16_t port = argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0;
    if (argc == 7 && strcmp(argv[1], "publish") == 0)
        return publish(port, argv + 3);
    if (argc == 5 && strcmp(argv[1], "consume") == 0)
        return consume(port, argv + 3, false);
    if (argc == 5 && strcmp(argv[1], "drain") == 0)
        return consume(port, argv + 3, true);
    fprintf(stderr, "usage: lines publish PORT FILE ID OF WINDOW | lines consume|drain PORT OUT BATCH\n");
    return 2;
}
