/* SPDX-License-Identifier: Apache-2.0
 *
 * subscribe.c: `chaski subscribe [PREFIX]...`: prints what comes over the bus. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/bus/bus.h"

static const char help[] =
    "usage: chaski subscribe [PREFIX]... [OPTION]...\n"
    "\n"
    "Prints messages as they come, a line each: the topic and the body. Without a PREFIX all topics, else "
    "those that\n"
    "begin with one of them. A lost connection is opened again; what is published meanwhile does not come.\n"
    "\n"
    "  --pattern PATTERN  topics that fit it: * is a word, # any number of words; AMQP only\n"
    "  --count N          ends when N messages have come\n"
    "  --timeout TIME     ends after that time, as 500ms, 10s or 2m\n"
    "  --json             a JSON object each: topic and body, or body64 where it is not UTF-8; several "
    "frames are\n"
    "                     an array\n" BUS_HELP_URL "\n"
    "Exit codes: 0 done; 1 the broker cannot be reached or refuses, or --timeout came before --count; 2 "
    "wrong use.\n";

static void print(const bus_options_t *o, const bus_message_t *m)
{
    if (o->json) {
        print_json_line(bus_message_json(m));
    } else {
        bus_message_print(m);
        putchar('\n');
    }
    fflush(stdout);
}

static bus_code_t begin(bus_t *b, error_t *err)
{
    bus_code_t code = bus_open(b, err);
    if (code == BUS_OK)
        cli_complain(CLI_DONE, "subscribed; Ctrl-C ends");
    return code;
}

static int subscribe(bus_t *b, const bus_options_t *o)
{
    error_t err, why;
    bus_message_t m = {0};
    uint64_t seen = 0, deadline = o->timeout_given ? cli_now_ms() + o->timeout_ms : UINT64_MAX;
    bus_code_t code = begin(b, &err);
    while (code == BUS_OK && (o->count == 0 || seen < o->count) && !ferror(stdout)) {
        code = bus_receive(b, &m, deadline, &err);
        if (code == BUS_OK) {
            print(o, &m);
            seen++;
        } else if (code == BUS_LOST) {
            why = err;
            code = bus_reopen(b, &why, &err);
        }
    }
    bus_message_free(&m);
    if (code == BUS_LOST || code == BUS_REFUSED)
        return cli_complain(CLI_FAILED, "%s", err.text);
    if (o->count > seen && !cli_stopping() && !ferror(stdout))
        return cli_complain(CLI_FAILED, "%" PRIu64 " of %" PRIu64 " messages came in time", seen, o->count);
    return CLI_DONE;
}

static int run(int argc, char **argv)
{
    return bus_run(BUS_SUBSCRIBE, argc, argv, subscribe);
}

const verb_t verb_subscribe = {"subscribe", "prints what is published", help, run};
