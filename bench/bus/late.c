/* SPDX-License-Identifier: Apache-2.0
 *
 * late.c: what an event costs that is waiting. Publishers send a whole window; the handlers keep their answers until
 * nothing moves any more; then the broker's memory is looked at; then they answer, and each event must be reported. No
 * publisher has more than EACH_MOST events out, which is less than a broker may bound one connection to.
 *
 * Events that the broker has not read lie in the kernel and cost it nothing: they are found there and not counted. */
#include "sync.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include "load.h"

#define QUIET_MS  1000
#define LIMIT_MS  20000
#define EACH_MOST 1000

typedef struct late {
    const load_options_t *options;
    size_t publishers;
    bus_client_t clients[BUS_CLIENTS_MOST]; /* the handlers, then the publishers */
    bus_client_t *all[BUS_CLIENTS_MOST];
    size_t count;
    buffer_t answers[HANDLERS_MOST]; /* what the handlers keep */
    uint64_t reported;
    bool holding;
} late_t;

static int late_open(late_t *l, const load_options_t *o, error_t *err)
{
    l->options = o;
    l->holding = true;
    l->publishers = (o->window + EACH_MOST - 1) / EACH_MOST;
    if (o->handlers + l->publishers > BUS_CLIENTS_MOST)
        return error_set(err, "at most %zu events can wait", (BUS_CLIENTS_MOST - o->handlers) * EACH_MOST);
    for (; l->count < o->handlers + l->publishers; l->count++) {
        bus_client_t *c = l->all[l->count] = &l->clients[l->count];
        if ((l->count < o->handlers ? handler_open(c, o->port, err)
                                    : bus_client_open(c, o->port, ZMTP_SOCKET_DEALER, err)) != 0)
            return -1;
    }
    return 0;
}

static void late_close(late_t *l)
{
    for (size_t i = 0; i < BUS_CLIENTS_MOST; i++)
        bus_client_close(&l->clients[i]);
    for (size_t i = 0; i < HANDLERS_MOST; i++)
        buffer_free(&l->answers[i]);
}

/* ---- turns ---- */

static int take_events(late_t *l, size_t handler, error_t *err)
{
    bus_client_t *c = &l->clients[handler];
    buffer_t *answers = l->holding ? &l->answers[handler] : &c->out;
    bus_message_t event;
    int code;
    while ((code = bus_client_next(c, &event, err)) > 0)
        if (event_answer(answers, &event, err) != 0)
            return -1;
    return code;
}

static int take_reports(late_t *l, bus_client_t *c, error_t *err)
{
    bus_message_t report;
    uint64_t number;
    int code;
    while ((code = bus_client_next(c, &report, err)) > 0) {
        if (report_read(&report, l->options->handlers, &number, err) != 0)
            return -1;
        l->reported++;
    }
    return code;
}

static int turn(late_t *l, int timeout_ms, error_t *err)
{
    int ready = bus_clients_turn(l->all, l->count, timeout_ms, err), code = 0;
    for (size_t i = 0; i < l->count && code == 0 && ready > 0; i++)
        code = i < l->options->handlers ? take_events(l, i, err) : take_reports(l, &l->clients[i], err);
    return code == 0 ? ready : -1;
}

static int until_quiet(late_t *l, error_t *err)
{
    int ready;
    while ((ready = turn(l, QUIET_MS, err)) > 0)
        continue;
    if (ready == 0 && l->reported > 0)
        return error_set(err, "an event was reported before its handlers answered");
    return ready;
}

static int until_reported(late_t *l, uint64_t count, error_t *err)
{
    l->holding = false;
    for (size_t i = 0; i < l->options->handlers; i++)
        write_bytes(&l->clients[i].out, buffer_bytes(&l->answers[i]));
    while (l->reported < count) {
        int ready = turn(l, LIMIT_MS, err);
        if (ready <= 0)
            return ready < 0
                       ? -1
                       : error_set(err, "%llu of %llu events are never reported",
                                   (unsigned long long)(count - l->reported), (unsigned long long)count);
    }
    return 0;
}

/* ---- what the broker has not read ---- */

/* Octets in the receive buffer of the connection between those ports of this machine: proc(5), /proc/net/tcp. */
static int unread_at(unsigned port, unsigned peer_port, uint64_t *bytes)
{
    FILE *in = fopen("/proc/net/tcp", "r");
    char line[512];
    unsigned local, remote, queued;
    bool found = false;
    while (in != NULL && !found && fgets(line, sizeof line, in) != NULL)
        found = sscanf(line, " %*u: %*x:%x %*x:%x %*x %*x:%x", &local, &remote, &queued) == 3 &&
                local == port && remote == peer_port;
    if (in != NULL)
        fclose(in);
    *bytes = found ? queued : 0;
    return found ? 0 : -1;
}

/* Adds what of this client's the broker has not read. */
static int add_unread(const bus_client_t *c, uint16_t port, uint64_t *bytes, error_t *err)
{
    struct sockaddr_in own;
    socklen_t length = sizeof own;
    int unsent;
    uint64_t there;
    if (getsockname(c->fd, (struct sockaddr *)&own, &length) != 0 || ioctl(c->fd, SIOCOUTQ, &unsent) != 0)
        return error_set(err, "cannot look at a socket: %s", strerror(errno));
    if (unread_at(port, ntohs(own.sin_port), &there) != 0)
        return error_set(err, "/proc/net/tcp does not know our connection");
    *bytes += c->out.len + (uint64_t)unsent + there;
    return 0;
}

/* ---- the run ---- */

/* The whole window, as evenly as it goes. */
static void publish(late_t *l)
{
    for (uint64_t number = 0; number < l->options->window; number++)
        event_write(&l->clients[l->options->handlers + number % l->publishers].out, number);
}

static int measure(late_t *l, load_result_t *r, error_t *err)
{
    const load_options_t *o = l->options;
    uint64_t unread = 0;
    if (until_quiet(l, err) != 0 || process_usage(o->pid, &r->before, err) != 0)
        return -1;
    publish(l);
    if (until_quiet(l, err) != 0 || process_usage(o->pid, &r->after, err) != 0)
        return -1;
    for (size_t i = o->handlers; i < l->count; i++)
        if (add_unread(&l->clients[i], o->port, &unread, err) != 0)
            return -1;
    r->count = o->window - (unread + EVENT_BYTES - 1) / EVENT_BYTES;
    r->rss_peak_bytes = r->after.rss_bytes;
    return until_reported(l, o->window, err);
}

int load_late(const load_options_t *o, load_result_t *r, error_t *err)
{
    static late_t late;
    int code = late_open(&late, o, err);
    if (code == 0)
        code = measure(&late, r, err);
    late_close(&late);
    return code;
}
