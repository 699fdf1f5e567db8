/* SPDX-License-Identifier: Apache-2.0
 *
 * event.c: `chaski event TOPIC [BODY]`: publishes an event, waits until its handlers are done, and says what each did. */
#include "cli/event.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/bus/bus.h"

/* Without --timeout the exchange knows how long handlers may take; we wait longer than exchanges usually do. */
#define REPORT_MOST_MS 60000
/* The broker's own deadline comes first; the report needs some time to arrive. */
#define REPORT_LATER_MS 2000

static const char help[] =
    "usage: chaski event TOPIC [BODY | -] [OPTION]...\n"
    "\n"
    "Publishes a synchronous event: waits until every handler that is there now has processed it, and prints "
    "what each\n"
    "of them answered. The body is BODY, or what is read from standard input (-); without either it is "
    "empty. Words\n"
    "that begin with - stand behind --.\n"
    "\n"
    "  --timeout TIME     how long handlers may take, as 500ms, 10s or 2m; on ZMTP, how long to wait for the "
    "report\n"
    "                     (as the exchange says)\n"
    "  --id ID            sent again with the same ID, an event is not handled again: its report comes "
    "again\n"
    "  --sync POLICY      whom to wait for: all, quorum, one, N, or none (as the exchange says); AMQP only\n"
    "  --file FILE        the body is what is in FILE\n"
    "  --persistent       it outlives the broker where a durable queue has it; AMQP only\n"
    "  --json             the report as the broker sent it, one JSON object\n" BUS_HELP_URL "\n"
    "Exit codes: 0 handled, or no handler is there; 1 the broker cannot be reached, or refuses; 2 wrong "
    "use;\n"
    "3 a handler failed; 4 not all were done in time.\n";

static int show(const bus_options_t *o, bytes_t text, uint64_t ms)
{
    error_t err;
    json_t *report = event_report_parse(text, &err);
    if (!report)
        return cli_complain(CLI_FAILED, "%s", err.text);
    int code = event_report_code(report);
    if (o->json) {
        print_json_line(report);
        return code;
    }
    event_report_print(report, ms);
    json_decref(report);
    return code;
}

/* How long to wait for the report. Only on AMQP does the broker know what --timeout says. */
static uint64_t patience_ms(const bus_options_t *o)
{
    if (!o->timeout_given)
        return REPORT_MOST_MS;
    return o->timeout_ms + (bus_is_amqp(o) ? REPORT_LATER_MS : 0);
}

static int no_report(const bus_options_t *o, bus_code_t code, const error_t *err, bool sent)
{
    const char *again = !sent   ? ""
                        : o->id ? "; the same again tells what became of it"
                                : "; it may have been handled";
    if (code == BUS_NOTHING && !cli_stopping())
        return cli_complain(EVENT_TIMEOUT,
                            "no report came within %" PRIu64 " ms; is the exchange synchronous?",
                            patience_ms(o));
    return cli_complain(CLI_FAILED, "%s%s", code == BUS_NOTHING ? "interrupted" : err->text, again);
}

static int ask(bus_t *b, const bus_options_t *o, bytes_t body)
{
    error_t err;
    bus_message_t m = {0};
    bus_code_t code = bus_open(b, &err);
    uint64_t begin = cli_now_ms(), deadline = begin + patience_ms(o);
    bool opened = code == BUS_OK;
    if (opened)
        code = bus_publish(b, bytes_string(o->words.items[0]), body, deadline, &err);
    bool sent = opened && code == BUS_OK;
    if (sent)
        code = bus_receive(b, &m, deadline, &err);
    int exit_code =
        code == BUS_OK ? show(o, bus_message_body(&m), cli_now_ms() - begin) : no_report(o, code, &err, sent);
    bus_message_free(&m);
    return exit_code;
}

static int act(bus_t *b, const bus_options_t *o)
{
    buffer_t body;
    int code = bus_read_body(o, &body);
    if (code == CLI_DONE)
        code = ask(b, o, buffer_bytes(&body));
    buffer_free(&body);
    return code;
}

static int run(int argc, char **argv)
{
    return bus_run(BUS_ASK, argc, argv, act);
}

const verb_t verb_event = {"event", "publishes an event and waits for its handlers", help, run};
