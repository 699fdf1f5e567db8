/* SPDX-License-Identifier: Apache-2.0
 *
 * late.c: what an event costs that is waiting. The publisher sends a whole window; the handlers keep their answers until
 * nothing moves any more; then the broker's memory is looked at; then they answer, and each event must be reported.
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

#define QUIET_MS 1000
#define LIMIT_MS 20000

typedef struct late {
    const load_options_t *options;
    bus_client_t clients[1 + HANDLERS_MOST]; /* the publisher, then the handlers */
    bus_client_t *all[1 + HANDLERS_MOST];
    buffer_t answers[HANDLERS_MOST]; /* what the handlers keep */
    uint64_t reported;
    bool holding;
} late_t;

static int late_open(late_t *l, const load_options_t *o, error_t *err)
{
    l->options = o;
    l->holding = true;
    l->all[0] = &l->clients[0];
    for (size_t i = 0; i < o->handlers; i++) {
        l->all[1 + i] = &l->clients[1 + i];
        if (handler_open(&l->clients[1 + i], o->port, err) != 0)
            return -1;
    }
    return bus_client_open(&l->clients[0], o->port, ZMTP_SOCKET_DEALER, err);
}

static void late_close(late_t *l)
{
    for (size_t i = 0; i <= l->options->handlers; i++)
        bus_client_close(&l->clients[i]);
    for (size_t i = 0; i < l->options->handlers; i++)
        buffer_free(&l->answers[i]);
}

/* ---- turns ---- */

static int take(late_t *l, error_t *err)
{
    bus_message_t message;
    uint64_t number;
    int code;
    while ((code = bus_client_next(&l->clients[0], &message, err)) > 0) {
        if (report_read(&message, l->options->handlers, &number, err) != 0)
            return -1;
        l->reported++;
    }
    for (size_t i = 0; i < l->options->handlers && code == 0; i++) {
        buffer_t *answers = l->holding ? &l->answers[i] : &l->clients[1 + i].out;
        while ((code = bus_client_next(&l->clients[1 + i], &message, err)) > 0)
            if (event_answer(answers, &message, err) != 0)
                return -1;
    }
    return code;
}

static int turn(late_t *l, int timeout_ms, error_t *err)
{
    int ready = bus_clients_turn(l->all, l->options->handlers + 1, timeout_ms, err);
    return ready >= 0 && take(l, err) == 0 ? ready : -1;
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
        write_bytes(&l->clients[1 + i].out, buffer_bytes(&l->answers[i]));
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

static int unread(const bus_client_t *c, uint16_t port, uint64_t *bytes, error_t *err)
{
    struct sockaddr_in own;
    socklen_t length = sizeof own;
    int unsent;
    uint64_t there;
    if (getsockname(c->fd, (struct sockaddr *)&own, &length) != 0 || ioctl(c->fd, SIOCOUTQ, &unsent) != 0)
        return error_set(err, "cannot look at a socket: %s", strerror(errno));
    if (unread_at(port, ntohs(own.sin_port), &there) != 0)
        return error_set(err, "/proc/net/tcp does not know our connection");
    *bytes = c->out.len + (uint64_t)unsent + there;
    return 0;
}

/* ---- the run ---- */

static int measure(late_t *l, load_result_t *r, error_t *err)
{
    const load_options_t *o = l->options;
    uint64_t waiting = 0;
    if (until_quiet(l, err) != 0 || process_usage(o->pid, &r->before, err) != 0)
        return -1;
    for (uint64_t number = 1; number <= o->window; number++)
        event_write(&l->clients[0].out, number);
    if (until_quiet(l, err) != 0 || process_usage(o->pid, &r->after, err) != 0 ||
        unread(&l->clients[0], o->port, &waiting, err) != 0)
        return -1;
    r->count = o->window - (waiting + EVENT_BYTES - 1) / EVENT_BYTES;
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
