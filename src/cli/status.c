/* SPDX-License-Identifier: Apache-2.0
 *
 * status.c: `chaski status`: how a running broker is, from /api/overview. */
#include <stdio.h>

#include "base/text.h"
#include "cli/cli.h"

#define DEFAULT_URL "http://guest:guest@localhost:15672"

/* Queues with damaged messages, the worst first; more are not listed. */
#define DAMAGED_PATH                                                                                         \
    "/api/queues?page=1&page_size=50&sort=messages_damaged&sort_reverse=true&"                               \
    "columns=name,messages_damaged,damaged_first_position,damaged_last_position"

static const char help[] =
    "usage: chaski status [--url URL] [--json]\n"
    "\n"
    "Asks a running broker how it is: what it serves, what is in it, and whether anything is wrong.\n"
    "\n"
    "  --url URL  where it answers HTTP: http://USER:PASSWORD@HOST:PORT\n"
    "             (" DEFAULT_URL ")\n"
    "  --json     everything as one JSON object\n"
    "\n"
    "Exit code 1 if the broker cannot be asked.\n";

typedef struct options {
    const char *url;
    bool json;
} options_t;

/* ---- reading the answer: what is not there is empty ---- */

static const json_t *below(const json_t *object, const char *path)
{
    char name[64];
    while (*path) {
        size_t len = strcspn(path, ".");
        text_format(name, sizeof name, "%.*s", (int)len, path);
        object = json_object_get(object, name);
        path += len + (path[len] == '.');
    }
    return object;
}

static double number(const json_t *object, const char *path)
{
    return json_number_value(below(object, path));
}

static const char *text(const json_t *object, const char *path)
{
    const char *found = json_string_value(below(object, path));
    return found ? found : "?";
}

/* ---- for people ---- */

static void print_listeners(const json_t *overview)
{
    size_t i;
    const json_t *l;
    printf("listeners:    ");
    json_array_foreach(json_object_get(overview, "listeners"), i, l)
    {
        const char *ip = text(l, "ip_address"), *path = json_string_value(json_object_get(l, "path"));
        printf("%s%s ", i ? ", " : "", text(l, "protocol"));
        if (path)
            printf("%s", path);
        else
            printf(strchr(ip, ':') ? "[%s]:%.0f" : "%s:%.0f", ip, number(l, "port"));
    }
    putchar('\n');
}

static void print_store(const json_t *overview)
{
    char size[32], rewritten[32];
    const json_t *s = below(overview, "chaski.store");
    if (!s) {
        printf("store:        none: messages are in memory only\n");
        return;
    }
    printf("store:        %.0f segments and %.0f ready, %s; last record %.0f, durable through %.0f; longest "
           "sync "
           "%.0f ms\n",
           number(s, "segments"), number(s, "segments_free"),
           print_size(number(s, "bytes"), size, sizeof size), number(s, "record"),
           number(s, "durable_record"), number(s, "sync_ms_most"));
    printf("space:        since the start %.0f segments dropped, %s rewritten\n",
           number(s, "segments_dropped"),
           print_size(number(s, "rewritten_bytes"), rewritten, sizeof rewritten));
}

static void print_memory(const json_t *overview)
{
    char resident[32], messages[32], high[32], disk[32], limit[32];
    printf("memory:       %s; messages %s of %s\n",
           print_size(number(overview, "chaski.resident_bytes"), resident, sizeof resident),
           print_size(number(overview, "chaski.message_bytes"), messages, sizeof messages),
           print_size(number(overview, "chaski.message_bytes_high"), high, sizeof high));
    if (below(overview, "chaski.disk_free_bytes"))
        printf("disk:         %s free; publishers are held back below %s\n",
               print_size(number(overview, "chaski.disk_free_bytes"), disk, sizeof disk),
               print_size(number(overview, "chaski.disk_free_limit_bytes"), limit, sizeof limit));
}

static void print_alarms(const json_t *overview)
{
    size_t i;
    const json_t *alarm;
    const json_t *alarms = below(overview, "chaski.alarms");
    printf("alarms:       %s", json_array_size(alarms) == 0 ? "none" : "");
    json_array_foreach(alarms, i, alarm) printf("%s%s", i ? ", " : "", json_string_value(alarm));
    printf("%s\n", json_array_size(alarms) == 0 ? "" : ": publishers are held back");
}

static void print_damaged(const json_t *overview, const json_t *damaged)
{
    size_t i;
    const json_t *row;
    if (number(overview, "chaski.damaged") == 0) {
        printf("damaged:      none\n");
        return;
    }
    printf("damaged:      %.0f messages are not what was written, and left out\n",
           number(overview, "chaski.damaged"));
    json_array_foreach(damaged, i, row)
    {
        printf("  %8.0f in ", number(row, "messages_damaged"));
        print_text(bytes_string(text(row, "name")));
        printf(", positions %.0f to %.0f\n", number(row, "damaged_first_position"),
               number(row, "damaged_last_position"));
    }
}

static void print_people(const json_t *o, const json_t *damaged)
{
    char up[32];
    printf("%s %s on %s (cluster %s), up %s\n", text(o, "product_name"), text(o, "product_version"),
           text(o, "node"), text(o, "cluster_name"),
           print_duration(number(o, "chaski.uptime_ms"), up, sizeof up));
    print_listeners(o);
    printf("clients:      %.0f connections, %.0f channels, %.0f consumers\n",
           number(o, "object_totals.connections"), number(o, "object_totals.channels"),
           number(o, "object_totals.consumers"));
    printf("queues:       %.0f, with %.0f messages: %.0f ready, %.0f unacknowledged\n",
           number(o, "object_totals.queues"), number(o, "queue_totals.messages"),
           number(o, "queue_totals.messages_ready"), number(o, "queue_totals.messages_unacknowledged"));
    if (!json_object_get(o, "chaski"))
        return; /* it is another broker */
    printf("events:       %.0f open; %.0f ok, %.0f failed, %.0f timed out, %.0f without a handler\n",
           number(o, "chaski.events.open"), number(o, "chaski.events.ok"), number(o, "chaski.events.failed"),
           number(o, "chaski.events.timeout"), number(o, "chaski.events.none"));
    print_store(o);
    print_memory(o);
    print_alarms(o);
    printf("longest step: %.3f ms\n", number(o, "chaski.longest_step_us") / 1000);
    printf("dropped:      %.0f messages, for slow subscribers\n", number(o, "chaski.dropped"));
    printf("repeats:      %.0f kept out; %.0f ids remembered\n", number(o, "chaski.duplicates"),
           number(o, "chaski.deduplication_ids"));
    print_damaged(o, damaged);
}

/* ---- the verb ---- */

/* The rows with any, or an empty list. */
static json_t *ask_damaged(const http_target_t *t, const json_t *overview, error_t *err)
{
    json_t *out = json_array();
    if (number(overview, "chaski.damaged") == 0)
        return out;
    json_t *page = http_get_json(t, DAMAGED_PATH, err), *row;
    size_t i;
    if (!page) {
        json_decref(out);
        return NULL;
    }
    json_array_foreach(json_object_get(page, "items"), i, row) if (number(row, "messages_damaged") > 0)
        json_array_append(out, row);
    json_decref(page);
    return out;
}

static int show(const http_target_t *t, bool as_json)
{
    error_t err;
    json_t *overview = http_get_json(t, "/api/overview", &err);
    json_t *damaged = overview ? ask_damaged(t, overview, &err) : NULL;
    if (damaged && as_json) {
        json_object_set(overview, "damaged_queues", damaged);
        json_dumpf(overview, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (damaged) {
        print_people(overview, damaged);
    }
    int code = damaged ? CLI_DONE : cli_complain(CLI_FAILED, "%s", err.text);
    json_decref(overview);
    json_decref(damaged);
    return code;
}

static int parse(int argc, char **argv, options_t *o)
{
    *o = (options_t){.url = DEFAULT_URL};
    for (int i = 1; i < argc; i++) {
        int url = cli_take_value(argc, argv, &i, "--url", &o->url);
        if (url < 0)
            return CLI_WRONG_USE;
        if (url > 0)
            continue;
        if (strcmp(argv[i], "--json") != 0)
            return cli_complain(CLI_WRONG_USE, "status knows no '%s'; chaski status --help", argv[i]);
        o->json = true;
    }
    return CLI_DONE;
}

static int run(int argc, char **argv)
{
    options_t o;
    error_t err;
    int code = parse(argc, argv, &o);
    if (code != CLI_DONE)
        return code;
    http_target_t *t = http_target_new(o.url, &err);
    if (!t)
        return cli_complain(CLI_WRONG_USE, "%s", err.text);
    code = show(t, o.json);
    http_target_free(&t);
    return code;
}

const verb_t verb_status = {"status", "how a running broker is", help, run};
