/* SPDX-License-Identifier: Apache-2.0
 *
 * options.c: the options of publish, subscribe, event and handle: one table, which says who takes what on which wire. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/bus/bus.h"

enum {
    PUBLISH = 1 << BUS_PUBLISH,
    SUBSCRIBE = 1 << BUS_SUBSCRIBE,
    ASK = 1 << BUS_ASK,
    HANDLE = 1 << BUS_HANDLE
};
enum { EVERY_ROLE = PUBLISH | SUBSCRIBE | ASK | HANDLE };
#define NAME_BYTES_MOST 255

enum { AMQP = 1, ZMTP = 2, BOTH = AMQP | ZMTP };

typedef struct option {
    const char *name;
    enum { TEXT, NUMBER, SPAN, FLAG, LIST } kind;
    unsigned roles, wires;
    size_t offset; /* in bus_options_t */
} option_t;

#define AT(member) offsetof(bus_options_t, member)

static const option_t options[] = {
    {"--url", TEXT, EVERY_ROLE, BOTH, AT(url)},
    {"--exchange", TEXT, EVERY_ROLE, AMQP, AT(exchange)},
    {"--server-key", TEXT, EVERY_ROLE, ZMTP, AT(server_key)},
    {"--key", TEXT, EVERY_ROLE, ZMTP, AT(key)},
    {"--timeout", SPAN, PUBLISH | SUBSCRIBE | ASK, BOTH, AT(timeout_ms)},
    {"--count", NUMBER, PUBLISH | SUBSCRIBE | HANDLE, BOTH, AT(count)},
    {"--json", FLAG, SUBSCRIBE | ASK | HANDLE, BOTH, AT(json)},
    {"--file", TEXT, PUBLISH | ASK, BOTH, AT(file)},
    {"--id", TEXT, ASK, BOTH, AT(id)},
    {"--persistent", FLAG, PUBLISH | ASK, AMQP, AT(persistent)},
    {"--lines", FLAG, PUBLISH, BOTH, AT(lines)},
    {"--mandatory", FLAG, PUBLISH, AMQP, AT(mandatory)},
    {"--pattern", LIST, SUBSCRIBE, AMQP, AT(patterns)},
    {"--sync", TEXT, ASK, AMQP, AT(sync)},
    {"--group", TEXT, HANDLE, BOTH, AT(group)},
    {"--echo", FLAG, HANDLE, BOTH, AT(echo)},
    {"--fail", TEXT, HANDLE, BOTH, AT(fail)},
    {"--delay", SPAN, HANDLE, BOTH, AT(delay_ms)},
};

#define OPTION_COUNT (sizeof options / sizeof *options)

static const char *const verbs[] = {
    [BUS_PUBLISH] = "publish", [BUS_SUBSCRIBE] = "subscribe", [BUS_ASK] = "event", [BUS_HANDLE] = "handle"};

static void list_add(bus_list_t *l, const char *item)
{
    l->items = mem_grow(l->items, sizeof *l->items, l->count, &l->capacity, 8);
    l->items[l->count++] = item;
}

/* ---- values ---- */

/* "250ms", "5s", "2m", "1h"; without a unit, seconds. */
static int parse_span(const char *name, const char *text, uint64_t *ms)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"", 1e3}, {"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}};
    char *unit;
    double value = strtod(text, &unit);
    for (size_t i = 0; unit != text && value >= 0 && i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].name) == 0 && value * units[i].ms <= 1e10) {
            *ms = (uint64_t)(value * units[i].ms);
            return CLI_DONE;
        }
    }
    return cli_complain(CLI_WRONG_USE, "%s %s: expected a time, as 250ms, 5s or 2m", name, text);
}

static int parse_number(const char *name, const char *text, uint64_t *out)
{
    if (text_parse_u64(bytes_string(text), out) && *out > 0)
        return CLI_DONE;
    return cli_complain(CLI_WRONG_USE, "%s %s: expected a number from 1 on", name, text);
}

static int store(const option_t *option, const char *text, bus_options_t *o)
{
    void *at = (char *)o + option->offset;
    switch (option->kind) {
    case TEXT:
        *(const char **)at = text;
        return CLI_DONE;
    case LIST:
        list_add(at, text);
        return CLI_DONE;
    case FLAG:
        *(bool *)at = true;
        return CLI_DONE;
    case SPAN:
        return parse_span(option->name, text, at);
    default:
        return parse_number(option->name, text, at);
    }
}

/* ---- words ---- */

static int refuse(bus_role_t role, const char *word)
{
    const char *names[OPTION_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options[i].roles & 1U << role)
            names[count++] = options[i].name;
    const char *nearest = strlen(word) <= TEXT_DISTANCE_BYTES ? cli_nearest(word, names, count) : NULL;
    return cli_complain(CLI_WRONG_USE, "%s knows no '%s'%s%s%s; chaski %s --help", verbs[role], word,
                        nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "",
                        verbs[role]);
}

static int parse_word(bus_options_t *o, int argc, char **argv, int *i, uint32_t *given)
{
    const char *text = NULL;
    if (argv[*i][0] != '-' || argv[*i][1] == '\0') {
        list_add(&o->words, argv[*i]);
        return CLI_DONE;
    }
    for (size_t k = 0; k < OPTION_COUNT; k++) {
        const option_t *option = &options[k];
        if (!(option->roles & 1U << o->role))
            continue;
        int taken = option->kind == FLAG ? strcmp(argv[*i], option->name) == 0
                                         : cli_take_value(argc, argv, i, option->name, &text);
        if (taken == 0)
            continue;
        *given |= 1U << k;
        return taken > 0 ? store(option, text, o) : CLI_WRONG_USE;
    }
    return refuse(o->role, argv[*i]);
}

/* What stands behind -- is words, however it begins; or the command of a handler. */
static int take_rest(bus_options_t *o, char **rest)
{
    if (o->role == BUS_HANDLE && !rest[0])
        return cli_complain(CLI_WRONG_USE, "handle: a command is missing behind --");
    if (o->role == BUS_HANDLE)
        o->command = rest;
    else
        for (; *rest; rest++)
            list_add(&o->words, *rest);
    return CLI_DONE;
}

/* ---- together ---- */

bool bus_is_amqp(const bus_options_t *o)
{
    return strncmp(o->url, "tcp:", 4) != 0;
}

static int check_wire(const bus_options_t *o, uint32_t given)
{
    bool amqp = bus_is_amqp(o);
    for (size_t k = 0; k < OPTION_COUNT; k++) {
        if (!(given & 1U << k) || options[k].wires & (amqp ? AMQP : ZMTP))
            continue;
        return cli_complain(CLI_WRONG_USE, "%s is for %s URLs only", options[k].name,
                            amqp ? "tcp://" : "amqp://");
    }
    return CLI_DONE;
}

static const char *what_is_wrong_with_sync(const char *sync)
{
    static const char *const policies[] = {"all", "quorum", "one", "none"};
    uint64_t number;
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
        if (strcmp(sync, policies[i]) == 0)
            return NULL;
    return text_parse_u64(bytes_string(sync), &number) && number > 0 && number < UINT32_MAX
               ? NULL
               : "expected all, quorum, one, none, or how many handlers";
}

static int check_words(const bus_options_t *o)
{
    size_t most = o->role == BUS_SUBSCRIBE ? SIZE_MAX : o->role == BUS_HANDLE ? 1 : 2;
    if (o->words.count == 0 && o->role != BUS_SUBSCRIBE)
        return cli_complain(CLI_WRONG_USE, "%s needs a %s; chaski %s --help", verbs[o->role],
                            o->role == BUS_HANDLE ? "prefix of topics (\"\": all)" : "topic", verbs[o->role]);
    if (o->words.count > most)
        return cli_complain(
            CLI_WRONG_USE, "%s: '%s' is one word too many%s", verbs[o->role], o->words.items[most],
            o->role == BUS_HANDLE ? "; a command stands behind --" : "; quote a body with spaces");
    return CLI_DONE;
}

/* AMQP has them as short strings; a body, the second word of who publishes, may be longer. */
static const char *longest_name(const bus_options_t *o)
{
    size_t names = o->role == BUS_PUBLISH || o->role == BUS_ASK ? 1 : o->words.count;
    const char *longest = o->group && strlen(o->group) > strlen(o->exchange) ? o->group : o->exchange;
    for (size_t i = 0; i < names; i++)
        longest = strlen(o->words.items[i]) > strlen(longest) ? o->words.items[i] : longest;
    for (size_t i = 0; i < o->patterns.count; i++)
        longest = strlen(o->patterns.items[i]) > strlen(longest) ? o->patterns.items[i] : longest;
    return longest;
}

static const char *what_does_not_fit(const bus_options_t *o)
{
    const char *body = o->words.count > 1 ? o->words.items[1] : NULL;
    bool from_words = o->role == BUS_PUBLISH || o->role == BUS_ASK;
    if (from_words && body && o->file)
        return "--file: there is a body already";
    if (o->lines && body && strcmp(body, "-") != 0)
        return "--lines reads standard input or --file: no body";
    if (o->lines && o->count > 0)
        return "--count: with --lines there are as many messages as lines";
    if (o->id && (o->id[0] == '\0' || strlen(o->id) > BUS_ID_BYTES_MOST))
        return "--id: expected 1 to 200 octets";
    if (o->role == BUS_HANDLE && o->command && (o->echo || o->fail || o->delay_ms > 0))
        return "--echo, --fail and --delay are for a handler without a command";
    if (o->group && o->group[0] == '\0')
        return "--group: expected a name";
    if (o->fail && o->fail[0] == '\0')
        return "--fail: expected a reason";
    if (o->echo && o->fail)
        return "--fail: --echo says that it goes well";
    if (bus_is_amqp(o) && strlen(longest_name(o)) > NAME_BYTES_MOST)
        return "a topic or name of more than 255 octets cannot be said in AMQP";
    if (o->key && !o->server_key)
        return "--key needs --server-key";
    return NULL;
}

int bus_options_parse(bus_options_t *o, bus_role_t role, int argc, char **argv)
{
    *o = (bus_options_t){
        .role = role, .url = "amqp://guest:guest@localhost:5672/%2f", .exchange = "amq.events"};
    uint32_t given = 0;
    int code = CLI_DONE, i = 1;
    for (; code == CLI_DONE && i < argc && strcmp(argv[i], "--") != 0; i++)
        code = parse_word(o, argc, argv, &i, &given);
    if (code == CLI_DONE && i < argc)
        code = take_rest(o, argv + i + 1);
    if (code == CLI_DONE)
        code = check_wire(o, given);
    if (code == CLI_DONE)
        code = check_words(o);
    if (code != CLI_DONE)
        return code;
    for (size_t k = 0; k < OPTION_COUNT; k++)
        o->timeout_given |= options[k].offset == AT(timeout_ms) && given & 1U << k;
    const char *wrong = what_does_not_fit(o), *sync = o->sync ? what_is_wrong_with_sync(o->sync) : NULL;
    if (sync)
        return cli_complain(CLI_WRONG_USE, "--sync %s: %s", o->sync, sync);
    return wrong ? cli_complain(CLI_WRONG_USE, "%s", wrong) : CLI_DONE;
}

void bus_options_free(bus_options_t *o)
{
    mem_free(o->patterns.items);
    mem_free(o->words.items);
}
