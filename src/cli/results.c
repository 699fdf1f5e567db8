/* SPDX-License-Identifier: Apache-2.0
 *
 * results.c: `chaski results [EXCHANGE]`: what became of the events whose reports an exchange keeps, from /api/events. */
#include <curl/curl.h>
#include <stdio.h>

#include "base/text.h"
#include "cli/cli.h"

#define DEFAULT_URL "http://guest:guest@localhost:15672"

static const char help[] = "usage: chaski results [EXCHANGE] [--url URL] [--json]\n"
                           "\n"
                           "Lists the reports that a synchronous exchange keeps, newest first: of events "
                           "whose publishers gave them an\n"
                           "id, and of as many others as its argument x-keep-results says.\n"
                           "\n"
                           "  EXCHANGE   (amq.events)\n"
                           "  --url URL  where the broker answers HTTP: http://USER:PASSWORD@HOST:PORT\n"
                           "             (" DEFAULT_URL ")\n"
                           "  --json     the reports, whole, one a line\n"
                           "\n"
                           "Exit code 1 if the broker cannot be asked.\n";

typedef struct options {
    const char *url, *exchange;
    bool json;
} options_t;

static json_t *ask(const http_target_t *t, const char *exchange, error_t *err)
{
    char path[1024];
    char *name = curl_easy_escape(NULL, exchange, 0);
    text_format(path, sizeof path, "/api/events/%%2F/%s", name);
    curl_free(name);
    return http_get_json(t, path, err);
}

static void print_handlers(const json_t *report)
{
    size_t i;
    const json_t *h;
    json_array_foreach(json_object_get(report, "handlers"), i, h)
    {
        printf("%s", i ? ", " : "  ");
        print_text(bytes_string(json_string_value(json_object_get(h, "name"))));
        printf(" %s", json_string_value(json_object_get(h, "status")));
    }
}

static void print_report(const json_t *report)
{
    json_int_t seq, ms;
    const char *status, *topic;
    if (json_unpack((json_t *)(uintptr_t)report, "{s:I, s:I, s:s, s:s}", "seq", &seq, "ms", &ms, "status",
                    &status, "topic", &topic) != 0)
        return;
    printf("%8lld  %-7s  %6lld ms  ", (long long)seq, status, (long long)ms);
    print_text(bytes_string(topic));
    print_handlers(report);
    putchar('\n');
}

static void print_reports(const json_t *reports, bool as_json)
{
    size_t i;
    json_t *report;
    json_array_foreach(reports, i, report)
    {
        if (as_json)
            print_json_line(json_incref(report));
        else
            print_report(report);
    }
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
        if (strcmp(argv[i], "--json") == 0)
            o->json = true;
        else if (argv[i][0] == '-' || o->exchange || strlen(argv[i]) > UINT8_MAX)
            return cli_complain(CLI_WRONG_USE, "results knows no '%s'; chaski results --help", argv[i]);
        else
            o->exchange = argv[i];
    }
    if (!o->exchange)
        o->exchange = "amq.events";
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
    json_t *reports = ask(t, o.exchange, &err);
    if (reports)
        print_reports(reports, o.json);
    else
        code = cli_complain(CLI_FAILED, "%s", err.text);
    json_decref(reports);
    http_target_free(&t);
    return code;
}

const verb_t verb_results = {"results", "what became of events, as far as it is kept", help, run};
