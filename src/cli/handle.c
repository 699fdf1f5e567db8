/* SPDX-License-Identifier: Apache-2.0
 *
 * handle.c: `chaski handle PREFIX [-- COMMAND]`: a handler of synchronous events: a command for each, or a word given
 * beforehand.
 *
 * An event is answered once it is known what came of it. Whatever ends us before (a signal, a command that cannot be
 * started) leaves it unanswered, and it goes to another member of the group. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/bus/bus.h"
#include "cli/command.h"

static const char help[] =
    "usage: chaski handle PREFIX [OPTION]... [-- COMMAND [ARGUMENT]...]\n"
    "\n"
    "Handles events whose topic begins with PREFIX (\"\": all), one at a time: who published one waits for "
    "it. COMMAND runs\n"
    "for each, with the body as its standard input and the topic in CHASKI_TOPIC, the event's number in "
    "CHASKI_SEQ; what\n"
    "it writes is the result; an exit code that is not 0 is a failure, for the reason in the last line of "
    "its standard\n"
    "error. Without a COMMAND events are printed, and their result is empty. A lost connection is opened "
    "again.\n"
    "\n"
    "  --group NAME       a group that stays, and whose members share its events; else one of our own\n"
    "  --echo             the result is the body\n"
    "  --fail REASON      every event fails\n"
    "  --delay TIME       an event takes that long, as 500ms, 10s or 2m\n"
    "  --count N          ends after N events\n"
    "  --json             a JSON object for each event and what came of it\n" BUS_HELP_URL "\n"
    "Exit codes: 0 done; 1 the broker cannot be reached or refuses, or COMMAND cannot be run; 2 wrong use.\n";

typedef struct handler {
    bus_t *bus;
    const bus_options_t *options;
    bus_message_t event;
    command_result_t outcome; /* of it */
} handler_t;

static void serve(void *context)
{
    bus_serve(context);
}

/* ---- one event ---- */

/* False: told to stop before it was over. */
static bool delay(const handler_t *h)
{
    for (uint64_t until = cli_now_ms() + h->options->delay_ms, now; (now = cli_now_ms()) < until;) {
        if (cli_stopping())
            return false;
        (void)poll(NULL, 0, (int)(until - now < CLI_SLICE_MS ? until - now : CLI_SLICE_MS));
        bus_serve(h->bus);
    }
    return true;
}

static void decide(handler_t *h)
{
    const bus_options_t *o = h->options;
    h->outcome = (command_result_t){.failed = o->fail != NULL};
    text_format(h->outcome.reason, sizeof h->outcome.reason, "%s", o->fail ? o->fail : "");
    if (o->echo)
        write_bytes(&h->outcome.output, bus_message_body(&h->event));
}

static int run_command(handler_t *h, error_t *err)
{
    char topic[4096 + 16], seq[64];
    const char *const environment[] = {topic, seq, NULL};
    text_format(topic, sizeof topic, "CHASKI_TOPIC=%.*s", TEXT_ARG(bus_message_topic(&h->event)));
    text_format(seq, sizeof seq, "CHASKI_SEQ=%s", h->event.seq);
    return command_run(h->options->command, environment, bus_message_body(&h->event), serve, h->bus,
                       &h->outcome, err);
}

static void print(const handler_t *h)
{
    const command_result_t *r = &h->outcome;
    bytes_t reason = bytes_string(r->reason);
    if (h->options->json) {
        json_t *line = bus_message_json(&h->event);
        json_object_set_new(line, "status", json_string(r->failed ? "failed" : "ok"));
        bus_json_octets(line, r->failed ? "error" : "result", r->failed ? reason : buffer_bytes(&r->output));
        print_json_line(line);
    } else {
        bus_message_print(&h->event);
        if (r->failed)
            printf(" -> failed: %s", r->reason);
        putchar('\n');
    }
    fflush(stdout);
}

/* Handles the event and answers it. BUS_NOTHING: we are to stop, and it is not answered. */
static bus_code_t handle_one(handler_t *h, error_t *err)
{
    const bus_options_t *o = h->options;
    if (o->command && run_command(h, err) != 0)
        return BUS_REFUSED;
    if (!o->command) {
        if (!delay(h))
            return BUS_NOTHING;
        decide(h);
    }
    if (cli_stopping() && h->outcome.killed)
        return BUS_NOTHING; /* by the same Ctrl-C: that is not its answer */
    print(h);
    bytes_t text = h->outcome.failed ? bytes_string(h->outcome.reason) : buffer_bytes(&h->outcome.output);
    return bus_answer(h->bus, &h->event, h->outcome.failed, text, err);
}

/* ---- all of them ---- */

static bus_code_t next(handler_t *h, uint64_t *handled, error_t *err)
{
    bus_code_t code = bus_receive(h->bus, &h->event, UINT64_MAX, err);
    if (code != BUS_OK)
        return code;
    code = handle_one(h, err);
    command_result_free(&h->outcome);
    *handled += code == BUS_OK;
    return code;
}

static int handle(handler_t *h)
{
    const bus_options_t *o = h->options;
    error_t err, why;
    uint64_t handled = 0;
    bus_code_t code = bus_open(h->bus, &err);
    if (code == BUS_OK)
        cli_complain(CLI_DONE, "handling events of '%s'; Ctrl-C ends", o->words.items[0]);
    while (code == BUS_OK && (o->count == 0 || handled < o->count) && !cli_stopping()) {
        code = next(h, &handled, &err);
        if (code == BUS_LOST) {
            why = err;
            code = bus_reopen(h->bus, &why, &err);
        }
    }
    return code == BUS_LOST || code == BUS_REFUSED ? cli_complain(CLI_FAILED, "%s", err.text) : CLI_DONE;
}

static int act(bus_t *b, const bus_options_t *o)
{
    if (o->command && !command_exists(o->command[0]))
        return cli_complain(CLI_WRONG_USE, "handle: there is no command '%s'", o->command[0]);
    handler_t h = {.bus = b, .options = o};
    int code = handle(&h);
    bus_message_free(&h.event);
    return code;
}

static int run(int argc, char **argv)
{
    return bus_run(BUS_HANDLE, argc, argv, act);
}

const verb_t verb_handle = {"handle", "handles events, by a command", help, run};
