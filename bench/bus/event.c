/* SPDX-License-Identifier: Apache-2.0
 *
 * event.c: events, answers and reports. Of a report only that is read which says that all went well. */
#include "sync.h"

#include <assert.h>
#include <stdio.h>

#define ID_BYTES      8
#define PAYLOAD_BYTES (EVENT_BYTES - (2 + ID_BYTES) - 2 - (2 + 8) - 2)
#define JOIN          BYTES("\001bench.")
#define OK            BYTES("{\"status\":\"ok\",")

int handler_open(bus_client_t *c, uint16_t port, error_t *err)
{
    bus_message_t echo;
    int code;
    if (bus_client_open(c, port, ZMTP_SOCKET_DEALER, err) != 0)
        return -1;
    zmtp_write_frame(&c->out, JOIN, false);
    if (bus_client_flush(c, err) != 0)
        return -1;
    while ((code = bus_client_next(c, &echo, err)) == 0)
        if (bus_client_read(c, err) != 0)
            return -1;
    if (code > 0 && (echo.count != 1 || !bytes_equal(echo.frame[0], JOIN)))
        code = error_set(err, "the broker did not say that a handler has joined");
    return code > 0 ? 0 : -1;
}

void event_write(buffer_t *out, uint64_t number)
{
    static const uint8_t payload[PAYLOAD_BYTES];
    uint8_t id[ID_BYTES];
    size_t before = out->len;
    put_u64(id, number);
    zmtp_write_frame(out, bytes_make(id, sizeof id), true);
    zmtp_write_frame(out, (bytes_t){0}, true);
    zmtp_write_frame(out, EVENT_TOPIC, true);
    zmtp_write_frame(out, bytes_make(payload, sizeof payload), false);
    assert(out->len - before == EVENT_BYTES);
}

int event_answer(buffer_t *out, const bus_message_t *event, error_t *err)
{
    if (event->count != 4 || event->frame[1].len != 0 || !bytes_equal(event->frame[2], EVENT_TOPIC) ||
        event->frame[3].len != PAYLOAD_BYTES)
        return error_set(err, "a handler was sent %zu frames that are no event", event->count);
    zmtp_write_frame(out, event->frame[0], true);
    zmtp_write_frame(out, (bytes_t){0}, true);
    zmtp_write_frame(out, BYTES("done"), false);
    return 0;
}

/* Reports have their counts in the first 200 octets. */
static bool all_done(bytes_t report, size_t handlers)
{
    char counted[32];
    int length = snprintf(counted, sizeof counted, "\"ok\":%zu,", handlers);
    size_t head = report.len < 200 ? report.len : 200;
    return bytes_starts_with(report, OK) && memmem(report.data, head, counted, (size_t)length) != NULL;
}

int report_read(const bus_message_t *report, size_t handlers, uint64_t *number, error_t *err)
{
    if (report->count != 3 || report->frame[0].len != ID_BYTES || report->frame[1].len != 0)
        return error_set(err, "the publisher was sent %zu frames that are no report", report->count);
    bytes_t text = report->frame[2];
    if (!all_done(text, handlers))
        return error_set(err, "an event was not handled by all: %.*s", text.len < 300 ? (int)text.len : 300,
                         (const char *)text.data);
    *number = load_u64(report->frame[0].data);
    return 0;
}
