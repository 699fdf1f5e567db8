/* SPDX-License-Identifier: Apache-2.0
 *
 * perf_args.c: the options of `chaski perf amqp`, a table; and whether they fit together. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/perf.h"

const char perf_help[] =
    "usage: chaski perf amqp [OPTION]...\n"
    "\n"
    "Publishes and consumes as fast as a broker can, or at a rate, and checks each message: that it came, "
    "once, in\n"
    "the order of its publisher, and whole. Works with any AMQP 0-9-1 broker; uses names that begin with "
    "chaski-perf\n"
    "and removes them at the end.\n"
    "\n"
    "  --url URL         amqp://USER:PASSWORD@HOST:PORT/VHOST (amqp://guest:guest@localhost:5672/%2f)\n"
    "  --pid PID         the broker's process: its CPU time and memory are reported too\n"
    "  --threads N       of this program (1)\n"
    "  --json            the report as one JSON object\n"
    "  --quiet           no line while it runs\n"
    "\n"
    "Where messages go\n"
    "  --type TYPE       default (the default exchange; a key for each queue), direct, fanout, topic or "
    "headers\n"
    "  --queues N        (1)\n"
    "  --keys N          different routing keys, which each producer uses in turn (as many as queues)\n"
    "  --bindings N      of a direct, topic or headers exchange (as many as keys)\n"
    "  --durable         queues and exchange\n"
    "\n"
    "What is published\n"
    "  --producers N     (1), a connection each\n"
    "  --size OCTETS     of a body (16), at least 16\n"
    "  --persistent\n"
    "  --confirms N      at most N publishes of a producer without a confirm (none are asked for)\n"
    "  --rate N          messages a second, by all producers; latencies count from when a message was due\n"
    "  --messages N      by all producers; without it:\n"
    "  --time SECONDS    (10)\n"
    "  --warmup SECONDS  in front of it, not measured (0)\n"
    "\n"
    "How it is consumed\n"
    "  --consumers N     of each queue (1), a connection each\n"
    "  --ack-every N     acknowledge N deliveries at once (0: automatic acks)\n"
    "  --prefetch N      (0: no limit)\n"
    "  --stalled N       N further consumers with full queues of their own, which never read (0)\n"
    "\n"
    "Something else\n"
    "  --fill            publish only, and leave the messages there; an existing queue is emptied first\n"
    "  --drain           consume what --fill left, with the same options\n"
    "  --idle N          open N connections and hold them for --time\n"
    "  --churn N         N connections at once are opened and closed, again and again, for --time\n"
    "  --declare N       declare N durable queues, then delete them, from --channels N (32) channels at "
    "once\n"
    "\n"
    "Exit codes: 0 all is well; 1 a message was lost, double, out of order or damaged, or the broker refused "
    "or ended\n"
    "a connection; 2 wrong use.\n";

/* ---- the table ---- */

typedef struct option {
    const char *name;
    size_t offset; /* in perf_options_t */
    uint64_t least, most;
    enum { OPTION_NUMBER, OPTION_SECONDS, OPTION_FLAG, OPTION_PID } kind;
} option_t;

#define AT(member) offsetof(perf_options_t, member)

static const option_t options[] = {
    {"--threads", AT(threads), 1, 64, OPTION_NUMBER},
    {"--pid", AT(pid), 1, INT_MAX, OPTION_PID},
    {"--queues", AT(queues), 1, 1000000, OPTION_NUMBER},
    {"--keys", AT(keys), 1, PERF_KEYS_MAX, OPTION_NUMBER},
    {"--bindings", AT(bindings), 1, 10000000, OPTION_NUMBER},
    {"--durable", AT(durable), 0, 0, OPTION_FLAG},
    {"--producers", AT(producers), 1, PERF_PRODUCERS_MAX, OPTION_NUMBER},
    {"--size", AT(body_bytes), PERF_BODY_LEAST, PERF_BODY_MOST, OPTION_NUMBER},
    {"--persistent", AT(persistent), 0, 0, OPTION_FLAG},
    {"--confirms", AT(confirms), 1, 10000000, OPTION_NUMBER},
    {"--rate", AT(rate), 1, 1000000000, OPTION_NUMBER},
    {"--messages", AT(messages), 1, UINT32_MAX, OPTION_NUMBER},
    {"--time", AT(time_ms), 0, 0, OPTION_SECONDS},
    {"--warmup", AT(warmup_ms), 0, 0, OPTION_SECONDS},
    {"--consumers", AT(consumers), 0, 100000, OPTION_NUMBER},
    {"--ack-every", AT(ack_every), 0, 1000000, OPTION_NUMBER},
    {"--prefetch", AT(prefetch), 0, UINT16_MAX, OPTION_NUMBER},
    {"--stalled", AT(stalled), 0, 10000, OPTION_NUMBER},
    {"--channels", AT(channels), 1, 2047, OPTION_NUMBER},
};

#define OPTION_COUNT (sizeof options / sizeof *options)

/* A mode, and the number that some of them take. */
typedef struct mode_option {
    const char *name;
    perf_mode_t mode;
    bool takes_count;
    size_t offset;
    uint64_t most;
} mode_option_t;

static const mode_option_t modes[] = {
    {"--fill", PERF_FILL, false, 0, 0},
    {"--drain", PERF_DRAIN, false, 0, 0},
    {"--idle", PERF_IDLE, true, AT(connections), 1000000},
    {"--churn", PERF_CHURN, true, AT(connections), 10000},
    {"--declare", PERF_DECLARE, true, AT(declares), 100000000},
};

#define MODE_COUNT (sizeof modes / sizeof *modes)

static const char *const other_options[] = {"--url", "--type", "--json", "--quiet"};
static const char *const type_names[] = {"default", "direct", "fanout", "topic", "headers"};

/* ---- one option ---- */

static int parse_count(const char *name, const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    if (text_parse_u64(bytes_string(text), out) && *out >= least && *out <= most)
        return CLI_DONE;
    return cli_complain(CLI_WRONG_USE, "%s %s: expected a number from %llu to %llu", name, text,
                        (unsigned long long)least, (unsigned long long)most);
}

static int parse_seconds(const char *name, const char *text, uint64_t *ms)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0) || seconds > 1e6)
        return cli_complain(CLI_WRONG_USE, "%s %s: expected seconds", name, text);
    *ms = (uint64_t)(seconds * 1000);
    return CLI_DONE;
}

static int store(const option_t *o, const char *text, perf_options_t *out)
{
    char *at = (char *)out + o->offset;
    uint64_t number = 0;
    int code = CLI_DONE;
    if (o->kind == OPTION_FLAG)
        *(bool *)at = true;
    else if (o->kind == OPTION_SECONDS)
        code = parse_seconds(o->name, text, (uint64_t *)(void *)at);
    else
        code = parse_count(o->name, text, o->least, o->most, &number);
    if (code == CLI_DONE && o->kind == OPTION_NUMBER)
        *(size_t *)(void *)at = (size_t)number;
    if (code == CLI_DONE && o->kind == OPTION_PID)
        *(pid_t *)(void *)at = (pid_t)number;
    return code;
}

/* 1: taken; 0: another; -1: wrong, and said so. */
static int take_option(int argc, char **argv, int *i, const option_t *o, perf_options_t *out)
{
    const char *text = NULL;
    if (o->kind == OPTION_FLAG) {
        if (strcmp(argv[*i], o->name) != 0)
            return 0;
    } else {
        int taken = cli_take_value(argc, argv, i, o->name, &text);
        if (taken <= 0)
            return taken;
    }
    return store(o, text, out) == CLI_DONE ? 1 : -1;
}

static int take_mode(int argc, char **argv, int *i, const mode_option_t *m, perf_options_t *out)
{
    const char *text = NULL;
    uint64_t number = 0;
    if (m->takes_count) {
        int taken = cli_take_value(argc, argv, i, m->name, &text);
        if (taken <= 0)
            return taken;
        if (parse_count(m->name, text, 1, m->most, &number) != CLI_DONE)
            return -1;
        *(size_t *)(void *)((char *)out + m->offset) = (size_t)number;
    } else if (strcmp(argv[*i], m->name) != 0) {
        return 0;
    }
    if (out->mode != PERF_LOAD && out->mode != m->mode) {
        cli_complain(CLI_WRONG_USE, "%s: only one of --fill, --drain, --idle, --churn and --declare",
                     m->name);
        return -1;
    }
    out->mode = m->mode;
    return 1;
}

static int parse_type(const char *text, perf_type_t *type)
{
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (strcmp(text, type_names[i]) == 0) {
            *type = (perf_type_t)i;
            return CLI_DONE;
        }
    }
    return cli_complain(CLI_WRONG_USE, "--type %s: expected default, direct, fanout, topic or headers", text);
}

static int refuse(const char *word)
{
    const char *names[OPTION_COUNT + MODE_COUNT + sizeof other_options / sizeof *other_options];
    size_t count = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        names[count++] = options[i].name;
    for (size_t i = 0; i < MODE_COUNT; i++)
        names[count++] = modes[i].name;
    for (size_t i = 0; i < sizeof other_options / sizeof *other_options; i++)
        names[count++] = other_options[i];
    const char *nearest = cli_nearest(word, names, count);
    return cli_complain(CLI_WRONG_USE, "perf amqp knows no '%s'%s%s%s; chaski perf --help", word,
                        nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static int parse_word(int argc, char **argv, int *i, perf_request_t *r, const char **url)
{
    const char *text = NULL;
    int taken = cli_take_value(argc, argv, i, "--url", url);
    if (taken == 0 && (taken = cli_take_value(argc, argv, i, "--type", &text)) > 0)
        return parse_type(text, &r->options.type);
    for (size_t k = 0; taken == 0 && k < OPTION_COUNT; k++)
        taken = take_option(argc, argv, i, &options[k], &r->options);
    for (size_t k = 0; taken == 0 && k < MODE_COUNT; k++)
        taken = take_mode(argc, argv, i, &modes[k], &r->options);
    if (taken != 0)
        return taken > 0 ? CLI_DONE : CLI_WRONG_USE;
    if (strcmp(argv[*i], "--json") == 0)
        r->json = true;
    else if (strcmp(argv[*i], "--quiet") == 0)
        r->quiet = true;
    else
        return refuse(argv[*i]);
    return CLI_DONE;
}

/* ---- the URL ---- */

static int parse_url(const char *text, perf_request_t *r)
{
    error_t err;
    if (url_parse_amqp(text, &r->url, &err) != 0)
        return cli_complain(CLI_WRONG_USE, "%s", err.text);
    bool ipv6 = strchr(r->url.host, ':') != NULL;
    text_format(r->address, sizeof r->address, ipv6 ? "[%s]:%s" : "%s:%s", r->url.host, r->url.port);
    r->options.address = r->address;
    r->options.user = r->url.user;
    r->options.password = r->url.password;
    r->options.vhost = r->url.vhost;
    return CLI_DONE;
}

void perf_request_free(perf_request_t *r)
{
    url_amqp_free(&r->url);
}

/* ---- together ---- */

/* What follows from other options where it was not given. */
static void fill_in(perf_options_t *o)
{
    if (o->mode == PERF_IDLE || o->mode == PERF_CHURN || o->mode == PERF_DECLARE)
        o->queues = o->keys = o->bindings = 0;
    else if (o->keys == 0)
        o->keys = o->type == PERF_FANOUT ? 1 : o->queues;
    if (o->bindings == 0)
        o->bindings = o->keys;
}

static const char *what_does_not_fit(const perf_options_t *o)
{
    bool plain = o->type == PERF_DEFAULT || o->type == PERF_FANOUT;
    if (o->type == PERF_DEFAULT && o->keys != o->queues)
        return "--keys: the default exchange has a key for each queue; --type direct has others";
    if (o->type == PERF_FANOUT && o->keys > 1)
        return "--keys: a fanout exchange looks at none";
    if (plain && o->bindings != o->keys)
        return "--bindings needs --type direct, topic or headers";
    if (!plain && o->bindings < o->keys)
        return "--bindings: each key needs one of its own";
    if (o->prefetch > 0 && o->ack_every > o->prefetch)
        return "--ack-every: a consumer would wait for more than --prefetch lets come";
    if (o->mode == PERF_DRAIN && (o->messages > 0 || o->rate > 0 || o->confirms > 0))
        return "--drain publishes nothing: no --messages, --rate or --confirms";
    if (o->mode == PERF_DRAIN && o->consumers == 0)
        return "--drain needs consumers";
    return NULL;
}

static int parse_words(int argc, char **argv, perf_request_t *r)
{
    const char *url = "amqp://guest:guest@localhost:5672/%2f";
    for (int i = 0; i < argc; i++) {
        int code = parse_word(argc, argv, &i, r, &url);
        if (code != CLI_DONE)
            return code;
    }
    return parse_url(url, r);
}

int perf_parse(int argc, char **argv, perf_request_t *r)
{
    *r = (perf_request_t){.options = {.threads = 1,
                                      .queues = 1,
                                      .producers = 1,
                                      .consumers = 1,
                                      .body_bytes = PERF_BODY_LEAST,
                                      .time_ms = 10000,
                                      .channels = 32}};
    int code = parse_words(argc, argv, r);
    if (code != CLI_DONE)
        return code;
    fill_in(&r->options);
    const char *wrong = what_does_not_fit(&r->options);
    if (wrong)
        return cli_complain(CLI_WRONG_USE, "%s", wrong);
    return CLI_DONE;
}
