/* SPDX-License-Identifier: Apache-2.0
 *
 * publish.c: `chaski publish TOPIC [BODY]`: messages for the bus, and whether it took them over. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/bus/bus.h"

#define TIMEOUT_MS 30000

static const char help[] =
    "usage: chaski publish TOPIC [BODY | -] [OPTION]...\n"
    "\n"
    "Publishes a message, and waits until the broker has it: on AMQP for its confirm, on ZMTP (PUSH) until "
    "all is\n"
    "sent. The body is BODY, or what is read from standard input (-); without either it is empty. Words that "
    "begin\n"
    "with - stand behind --.\n"
    "\n"
    "  --count N          the same message N times (1)\n"
    "  --file FILE        the body is what is in FILE\n"
    "  --lines            each line of FILE or standard input is a message\n"
    "  --timeout TIME     how long the broker may take, as 500ms, 10s or 2m (30s)\n"
    "  --mandatory        a message that no queue wants comes back, and that is a failure; AMQP only\n"
    "  --persistent       it outlives the broker where a durable queue has it; AMQP only\n" BUS_HELP_URL "\n"
    "Exit codes: 0 published; 1 the broker cannot be reached, or refused a message, or returned it; 2 wrong "
    "use.\n";

static uint64_t deadline_of(const bus_options_t *o)
{
    return cli_now_ms() + (o->timeout_given ? o->timeout_ms : TIMEOUT_MS);
}

static bus_code_t publish_one(bus_t *b, const bus_options_t *o, bytes_t body, error_t *err)
{
    return bus_publish(b, bytes_string(o->words.items[0]), body, deadline_of(o), err);
}

static bus_code_t publish_count(bus_t *b, const bus_options_t *o, bytes_t body, error_t *err)
{
    bus_code_t code = BUS_OK;
    uint64_t count = o->count > 0 ? o->count : 1;
    for (uint64_t i = 0; code == BUS_OK && i < count && !cli_stopping(); i++)
        code = publish_one(b, o, body, err);
    return code;
}

static bus_code_t publish_lines(bus_t *b, const bus_options_t *o, bus_input_t *in, error_t *err)
{
    bytes_t line;
    bus_code_t code;
    while ((code = bus_next_line(in, b, &line, err)) == BUS_OK) {
        code = publish_one(b, o, line, err);
        if (code != BUS_OK)
            return code;
    }
    return code == BUS_NOTHING ? BUS_OK : code;
}

static int tell(const bus_options_t *o, const bus_counts_t *c)
{
    const char *s = c->published == 1 ? "" : "s";
    if (c->refused > 0)
        return cli_complain(CLI_FAILED,
                            "%" PRIu64 " of %" PRIu64 " message%s refused by the broker (basic.nack)",
                            c->refused, c->published, s);
    if (c->returned > 0 && o->mandatory)
        return cli_complain(CLI_FAILED, "%" PRIu64 " of %" PRIu64 " message%s came back", c->returned,
                            c->published, s);
    printf("published %" PRIu64 " message%s\n", c->published, s);
    return CLI_DONE;
}

/* What is published is either the body, or (lines) what comes. */
static int publish(bus_t *b, const bus_options_t *o, bytes_t body, bus_input_t *lines)
{
    error_t err = {.text = "interrupted"};
    bus_code_t code = bus_open(b, &err);
    if (code == BUS_OK)
        code = lines ? publish_lines(b, o, lines, &err) : publish_count(b, o, body, &err);
    if (code == BUS_OK)
        code = bus_flush(b, deadline_of(o), &err);
    bus_counts_t counts = bus_counts(b);
    if (code == BUS_OK)
        return tell(o, &counts);
    if (counts.published <= 1 || !bus_is_amqp(o))
        return cli_complain(CLI_FAILED, "%s", err.text);
    return cli_complain(CLI_FAILED, "%s; %" PRIu64 " of %" PRIu64 " messages were confirmed", err.text,
                        counts.confirmed, counts.published);
}

static int act(bus_t *b, const bus_options_t *o)
{
    buffer_t body = {0};
    bus_input_t lines = {0};
    int code = o->lines ? bus_input_open(o, &lines) : bus_read_body(o, &body);
    if (code == CLI_DONE)
        code = publish(b, o, buffer_bytes(&body), o->lines ? &lines : NULL);
    bus_input_close(&lines);
    buffer_free(&body);
    return code;
}

static int run(int argc, char **argv)
{
    return bus_run(BUS_PUBLISH, argc, argv, act);
}

const verb_t verb_publish = {"publish", "publishes messages", help, run};
