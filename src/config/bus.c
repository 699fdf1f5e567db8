/* SPDX-License-Identifier: Apache-2.0
 *
 * bus.c: the lines of the event bus:
 *
 *   bus.listen.NAME  = address *( space option "=" value )
 *   bus.connect.NAME = address *( space option "=" value )
 *   bus.topic.NAME   = option "=" value *( space option "=" value )
 *   address          = "tcp://" host ":" port | "unix:" path; a host of * means all addresses
 *   value            = anything without spaces | '"' anything but '"' '"'
 *
 * Which options there are is a table; what does not go together is refused, so that nothing that is written is without
 * effect. */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "config/config_internal.h"

typedef struct option option_t;

typedef bool option_set_t(void *out, const option_t *option, const char *value);

/* Which lines know an option. */
enum { LISTEN = 1, CONNECT = 2, TOPIC = 4 };

struct option {
    const char *name;
    unsigned lines;
    option_set_t *set;
    setting_form_t form;
    const char *expected; /* NULL: what the form says; of a choice its words, between bars */
};

static bool set_value(void *out, const option_t *option, const char *value)
{
    return value_set(out, &option->form, value);
}

/* The field gets the number of the word. */
static bool set_choice(void *out, const option_t *option, const char *value)
{
    size_t len = strlen(value);
    int index = 0;
    for (const char *word = option->expected; *word; index++) {
        size_t word_len = strcspn(word, "|");
        if (len == word_len && memcmp(value, word, len) == 0) {
            *(int *)(void *)((char *)out + option->form.offset) = index;
            return true;
        }
        word += word_len + (word[word_len] == '|');
    }
    return false;
}

static bool set_bind(void *out, const option_t *option, const char *value)
{
    settings_bus_t *bus = out;
    bus->bind = true;
    return set_value(out, option, value);
}

/* The form bounds N of `replay` and `sync`. */
static bool parse_count(const option_t *option, const char *value, uint64_t *out)
{
    return text_parse_u64(bytes_string(value), out) && *out >= option->form.least &&
           *out <= option->form.most;
}

static bool set_replay(void *out, const option_t *option, const char *value)
{
    settings_topic_t *topic = out;
    topic->replay_last = strcmp(value, "last") == 0;
    topic->replay_count = strcmp(value, "all") == 0 ? UINT64_MAX : 0;
    return topic->replay_last || topic->replay_count > 0 || parse_count(option, value, &topic->replay_count);
}

static bool set_sync(void *out, const option_t *option, const char *value)
{
    static const struct {
        const char *word;
        settings_sync_t sync;
        uint64_t count;
    } words[] = {{"all", SETTINGS_SYNC_ALL, 0},
                 {"quorum", SETTINGS_SYNC_QUORUM, 0},
                 {"one", SETTINGS_SYNC_COUNT, 1},
                 {"none", SETTINGS_SYNC_NONE, 0}};
    settings_topic_t *topic = out;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(value, words[i].word) == 0) {
            topic->sync = (int)words[i].sync;
            topic->sync_count = words[i].count;
            return true;
        }
    }
    topic->sync = SETTINGS_SYNC_COUNT;
    return parse_count(option, value, &topic->sync_count);
}

#define FIELD(type, field, kind, least, most)                                                                \
    {                                                                                                        \
        SETTING_##kind, least, most, offsetof(type, field)                                                   \
    }
#define BUS(field, kind, least, most)    FIELD(settings_bus_t, field, kind, least, most)
#define TOPICS(field, kind, least, most) FIELD(settings_topic_t, field, kind, least, most)

#define COUNT_MOST 1000000000ULL

static const option_t options[] = {
    {"exchange", LISTEN | CONNECT, set_value, BUS(exchange, TEXT, 1, 255), NULL},
    {"queue", LISTEN | CONNECT, set_value, BUS(queue, TEXT, 1, 255), NULL},
    {"bind", LISTEN, set_bind, BUS(bind_prefix, TEXT, 0, 255), NULL},
    {"as", CONNECT, set_choice, BUS(socket, NUMBER, 0, 0), "SUB|PULL"},
    {"prefix", CONNECT, set_value, BUS(prefix, TEXT, 0, 255), NULL},
    {"security", LISTEN | CONNECT, set_choice, BUS(security, NUMBER, 0, 0), "null|plain|curve"},
    {"user", LISTEN | CONNECT, set_value, BUS(user, TEXT, 1, 255), NULL},
    {"password", CONNECT, set_value, BUS(password, TEXT, 1, 255), NULL},
    {"key", LISTEN | CONNECT, set_value, BUS(key_file, TEXT, 1, 255), NULL},
    {"clients", LISTEN, set_value, BUS(clients_file, TEXT, 1, 255), NULL},
    {"server", CONNECT, set_value, BUS(server_key, TEXT, 40, 40),
     "a key of 40 characters (Z85); with a # in it, put all that is behind the = in quotes"},
    {"slow", LISTEN, set_choice, BUS(slow, NUMBER, 0, 0), "drop-newest|drop-oldest|block|disconnect"},
    {"hwm", LISTEN, set_value, BUS(high_messages, NUMBER, 1, COUNT_MOST), NULL},
    {"hwm_bytes", LISTEN, set_value, BUS(high_bytes, SIZE, 1, GIB(64)), NULL},
    {"credit", LISTEN, set_value, BUS(credit, NUMBER, 1, 65535), NULL},
    {"welcome", LISTEN, set_value, BUS(welcome, TEXT, 1, 255), NULL},
    {"exchange", TOPIC, set_value, TOPICS(exchange, TEXT, 1, 255), NULL},
    {"prefix", TOPIC, set_value, TOPICS(prefix, TEXT, 0, 255), NULL},
    {"replay", TOPIC, set_replay, TOPICS(replay_count, NUMBER, 1, COUNT_MOST),
     "last, all or a number of messages from 1"},
    {"sync", TOPIC, set_sync, TOPICS(sync_count, NUMBER, 1, 65535),
     "all, quorum, one, none or a number of groups from 1 to 65535"},
    {"timeout", TOPIC, set_value, TOPICS(timeout_ms, DURATION, 1, 86400000), NULL},
    {"window", TOPIC, set_value, TOPICS(window, NUMBER, 1, 1000000), NULL},
};

#define OPTION_COUNT (sizeof options / sizeof *options)

static_assert(OPTION_COUNT <= 64, "a bit each");

/* What is known while a line is taken apart. */
typedef struct parsing {
    const line_t *line;
    unsigned lines; /* which of the three it is */
    void *out;
    uint64_t given; /* bits of the options that it has */
    error_t *err;
} parsing_t;

/* ---- one option ---- */

static int refuse_option(const parsing_t *p, const char *name)
{
    char known[256] = "";
    size_t len = 0;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options[i].lines & p->lines)
            len += text_format(known + len, sizeof known - len, "%s%s", len ? ", " : "", options[i].name);
    return error_set(p->err, "%s: unknown option '%.64s'; there are: %s", p->line->key, name, known);
}

static int refuse_value(const parsing_t *p, const option_t *option, const char *value)
{
    char expected[160];
    value_expected(&option->form, expected, sizeof expected);
    if (option->form.kind == SETTING_TEXT) /* it may be a password */
        return error_set(p->err, "%s: %s: expected %s", p->line->key, option->name,
                         option->expected ? option->expected : expected);
    return error_set(p->err, "%s: %s = '%.64s': expected %s", p->line->key, option->name, value,
                     option->expected ? option->expected : expected);
}

static int set_option(parsing_t *p, const char *name, const char *value)
{
    size_t i = 0;
    while (i < OPTION_COUNT && (!(options[i].lines & p->lines) || strcmp(name, options[i].name) != 0))
        i++;
    if (i == OPTION_COUNT)
        return refuse_option(p, name);
    if (p->given & 1ULL << i)
        return error_set(p->err, "%s: %s is there twice", p->line->key, name);
    p->given |= 1ULL << i;
    return options[i].set(p->out, &options[i], value) ? 0 : refuse_value(p, &options[i], value);
}

static bool has(const parsing_t *p, const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (p->given & 1ULL << i && strcmp(name, options[i].name) == 0)
            return true;
    return false;
}

/* ---- words ---- */

static const char *skip_spaces(const char *text)
{
    return text + strspn(text, " \t");
}

/* The next NAME=VALUE of *text, which goes on behind it. */
static int take_option(parsing_t *p, const char **text)
{
    char name[64], value[LINE_VALUE_BYTES];
    size_t name_len = strcspn(*text, "= \t");
    if ((*text)[name_len] != '=' || name_len == 0 || name_len >= sizeof name)
        return error_set(p->err, "%s: expected OPTION=VALUE, got '%.64s'", p->line->key, *text);
    text_format(name, sizeof name, "%.*s", (int)name_len, *text);
    const char *at = *text + name_len + 1;
    bool quoted = *at == '"';
    at += quoted;
    size_t len = strcspn(at, quoted ? "\"" : " \t");
    text_format(value, sizeof value, "%.*s", (int)len, at);
    if (quoted && (at[len] == '\0' || !strchr(" \t", at[len + 1])))
        return error_set(p->err, "%s: %s: a value in quotes ends with a quote and a space", p->line->key,
                         name);
    *text = skip_spaces(at + len + quoted);
    return set_option(p, name, value);
}

static int take_options(parsing_t *p, const char *text)
{
    for (text = skip_spaces(text); *text;)
        if (take_option(p, &text) != 0)
            return -1;
    return 0;
}

/* ---- the address ---- */

static int refuse_address(const parsing_t *p, const char *address)
{
    const char *all = p->lines == LISTEN ? ", tcp://*:PORT" : "";
    return error_set(p->err, "%s: '%.64s': expected tcp://HOST:PORT%s or unix:/PATH, then options",
                     p->line->key, address, all);
}

/* Writes it as the network room reads it; whether host and port are right is seen there. `*rest` is what follows. */
static int take_address(parsing_t *p, settings_bus_t *bus, const char **rest)
{
    static const char tcp[] = "tcp://", local[] = "unix:/";
    settings_text_t address;
    const char *text = skip_spaces(p->line->value);
    size_t len = strcspn(text, " \t");
    *rest = text + len;
    if (len >= sizeof address)
        return refuse_address(p, text);
    text_format(address, sizeof address, "%.*s", (int)len, text);
    if (strncmp(address, local, strlen(local)) == 0) {
        text_format(bus->address, sizeof bus->address, "%s", address);
        return 0;
    }
    const char *host = address + strlen(tcp);
    if (strncmp(address, tcp, strlen(tcp)) != 0 || !strchr(host, ':'))
        return refuse_address(p, address);
    bool all = host[0] == '*' && host[1] == ':';
    if (p->lines == CONNECT && (all || strcmp(strrchr(host, ':'), ":0") == 0))
        return refuse_address(p, address);
    text_format(bus->address, sizeof bus->address, "%s", all ? host + 2 : host);
    return 0;
}

/* ---- what goes together ---- */

/* `option` counts only where `with`, and says so if it is there without it. */
static int only_with(const parsing_t *p, const char *option, bool with, const char *with_text)
{
    if (with || !has(p, option))
        return 0;
    return error_set(p->err, "%s: %s needs %s", p->line->key, option, with_text);
}

static int needed(const parsing_t *p, const char *option, bool need, const char *why)
{
    if (!need || has(p, option))
        return 0;
    return error_set(p->err, "%s: %s needs %s=", p->line->key, why, option);
}

static int check_listen(const parsing_t *p, const settings_bus_t *bus)
{
    bool curve = bus->security == SETTINGS_CURVE, is_queue = bus->queue[0] != '\0';
    bool names_itself = bus->security == SETTINGS_PLAIN || bus->clients_file[0] != '\0';
    static const char on_exchange[] =
        "a port of an exchange; on one of a queue the queue keeps what is not read";
    if (only_with(p, "key", curve, "security=curve") != 0 || needed(p, "key", curve, "security=curve") != 0 ||
        only_with(p, "clients", curve, "security=curve") != 0 ||
        only_with(p, "user", !names_itself, "peers that do not say who they are: not plain, no clients=") !=
            0 ||
        only_with(p, "bind", is_queue, "queue=") != 0 || only_with(p, "credit", is_queue, "queue=") != 0 ||
        only_with(p, "slow", !is_queue, on_exchange) != 0 ||
        only_with(p, "hwm", !is_queue, on_exchange) != 0 ||
        only_with(p, "hwm_bytes", !is_queue, on_exchange) != 0)
        return -1;
    return 0;
}

static int check_connect(const parsing_t *p, const settings_bus_t *bus)
{
    bool curve = bus->security == SETTINGS_CURVE, plain = bus->security == SETTINGS_PLAIN;
    if (has(p, "exchange") && has(p, "queue"))
        return error_set(p->err, "%s: expected exchange= or queue=, not both", p->line->key);
    if (only_with(p, "key", curve, "security=curve") != 0 || needed(p, "key", curve, "security=curve") != 0 ||
        only_with(p, "server", curve, "security=curve") != 0 ||
        needed(p, "server", curve, "security=curve") != 0 ||
        only_with(p, "user", plain, "security=plain") != 0 ||
        needed(p, "user", plain, "security=plain") != 0 ||
        only_with(p, "password", plain, "security=plain") != 0 ||
        needed(p, "password", plain, "security=plain") != 0 ||
        only_with(p, "prefix", bus->socket == SETTINGS_SUB, "as=SUB") != 0)
        return -1;
    return 0;
}

static int check_topic(const parsing_t *p)
{
    if (!has(p, "replay") && !has(p, "sync") && !has(p, "timeout") && !has(p, "window"))
        return error_set(p->err,
                         "%s: expected at least one of replay=, sync=, timeout= and window=", p->line->key);
    return 0;
}

/* ---- the lines ---- */

static int parse_bus(parsing_t *p, settings_bus_t *bus)
{
    const char *rest;
    text_format(bus->exchange, sizeof bus->exchange, "%s", SETTINGS_BUS_EXCHANGE);
    text_format(bus->written, sizeof bus->written, "%s", p->line->value);
    bus->high_messages = SETTINGS_BUS_HIGH_MESSAGES;
    bus->high_bytes = SETTINGS_BUS_HIGH_BYTES;
    bus->credit = SETTINGS_BUS_CREDIT;
    return take_address(p, bus, &rest) == 0 && take_options(p, rest) == 0 ? 0 : -1;
}

int bus_parse_listen(settings_bus_t *out, const line_t *line, error_t *err)
{
    parsing_t p = {.line = line, .lines = LISTEN, .out = out, .err = err};
    *out = (settings_bus_t){0};
    return parse_bus(&p, out) == 0 ? check_listen(&p, out) : -1;
}

int bus_parse_connect(settings_bus_t *out, const line_t *line, error_t *err)
{
    parsing_t p = {.line = line, .lines = CONNECT, .out = out, .err = err};
    *out = (settings_bus_t){0};
    return parse_bus(&p, out) == 0 ? check_connect(&p, out) : -1;
}

int bus_parse_topic(settings_topic_t *out, const line_t *line, error_t *err)
{
    parsing_t p = {.line = line, .lines = TOPIC, .out = out, .err = err};
    *out = (settings_topic_t){0};
    text_format(out->exchange, sizeof out->exchange, "%s", SETTINGS_BUS_EXCHANGE);
    text_format(out->written, sizeof out->written, "%s", line->value);
    return take_options(&p, line->value) == 0 ? check_topic(&p) : -1;
}
