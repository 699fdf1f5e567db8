/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c: what became of an event, as JSON:
 *
 *   {"status":"ok","topic":"orders.new","seq":42,"view":3,"need":2,"ok":2,"failed":0,"pending":0,"gone":0,"ms":12,
 *    "handlers":[{"name":"billing","status":"ok","attempts":1,"ms":11,"result":"42"}, …]}
 *
 * A failed handler has "error" in place of "result"; what is not UTF-8 stands under result64 or error64. */
#include "engine/sync/sync_internal.h"

static const char *const outcomes[] = {"open", "ok", "failed", "timeout", "none"};
static const char *const statuses[] = {"pending", "ok", "failed", "gone"};

/* There is a report for each event: printf would take a third of the engine's time. */
static void write_text(buffer_t *b, const char *text)
{
    write_bytes(b, bytes_string(text));
}

static void write_member(buffer_t *b, const char *key, uint64_t value)
{
    write_text(b, key);
    write_decimal(b, value);
}

/* A name that is not UTF-8 is shown as what of it is ASCII. */
static void write_name(buffer_t *b, bytes_t name)
{
    uint8_t shown[UINT8_MAX];
    if (!bytes_are_utf8(name)) {
        for (size_t i = 0; i < name.len; i++)
            shown[i] = name.data[i] < 0x80 ? name.data[i] : '?';
        name.data = shown;
    }
    write_json_string(b, name);
}

static void write_handler(buffer_t *b, const sync_group_t *g)
{
    write_bytes(b, BYTES("{\"name\":"));
    write_name(b, g->queue->name);
    write_text(b, ",\"status\":\"");
    write_text(b, statuses[g->status]);
    write_member(b, "\",\"attempts\":", g->attempts);
    if (g->status == GROUP_OK || g->status == GROUP_FAILED)
        write_member(b, ",\"ms\":", g->took_ms);
    if (g->truncated || b->len + g->value.len > SYNC_REPORT_BYTES) {
        write_bytes(b, BYTES(",\"truncated\":true"));
    } else if (g->value.len > 0 && (g->status == GROUP_OK || g->status == GROUP_FAILED)) {
        write_text(b, g->status == GROUP_OK ? ",\"result" : ",\"error");
        write_text(b, g->base64 ? "64\":" : "\":");
        write_bytes(b, g->value);
    }
    write_u8(b, '}');
}

static void write_report(buffer_t *b, const sync_event_t *ev, bool brief)
{
    uint32_t need = ev->need == NEED_OF_ALL ? ev->count - ev->gone : ev->need;
    write_text(b, "{\"status\":\"");
    write_text(b, outcomes[ev->outcome]);
    write_text(b, "\",\"topic\":");
    write_name(b, ev->topic);
    write_member(b, ",\"seq\":", ev->seq);
    write_member(b, ",\"view\":", ev->view);
    write_member(b, ",\"need\":", need);
    write_member(b, ",\"ok\":", ev->ok);
    write_member(b, ",\"failed\":", ev->failed);
    write_member(b, ",\"pending\":", event_pending(ev));
    write_member(b, ",\"gone\":", ev->gone);
    write_member(b, ",\"ms\":", ev->took_ms);
    if (ev->error) {
        write_bytes(b, BYTES(",\"error\":"));
        write_json_string(b, bytes_string(ev->error));
    }
    if (!brief) {
        write_bytes(b, BYTES(",\"handlers\":["));
        for (uint32_t i = 0; i < ev->count; i++) {
            if (i > 0)
                write_u8(b, ',');
            write_handler(b, &ev->groups[i]);
        }
        write_u8(b, ']');
    }
    write_u8(b, '}');
}

message_t *sync_report(const sync_event_t *ev, bool brief)
{
    buffer_t b = {0}, properties = {0};
    (void)buffer_reserve(&b, 512);
    write_report(&b, ev, brief);
    write_u16(&properties, PROPERTY_FLAG(PROPERTY_CONTENT_TYPE));
    write_short_string(&properties, BYTES("application/json"));
    message_t *m = message_new_whole(BYTES(""), BYTES(""), buffer_bytes(&properties), buffer_bytes(&b));
    buffer_free(&b);
    buffer_free(&properties);
    return m;
}
