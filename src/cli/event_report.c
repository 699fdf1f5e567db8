/* SPDX-License-Identifier: Apache-2.0
 *
 * event_report.c: what became of an event:
 *
 *     orders.new: failed, 1 ok of 2, 1 failed (seq 42, view 2), 12 ms
 *       billing  ok       1 attempt       11 ms  "17"
 *       mail     failed   3 attempts       2 ms  "no such address"
 */
#include "cli/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *status;
    int code;
} statuses[] = {{"ok", CLI_DONE}, {"none", CLI_DONE}, {"failed", EVENT_FAILED}, {"timeout", EVENT_TIMEOUT}};

#define STATUS_COUNT (sizeof statuses / sizeof *statuses)

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static long long number_of(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

static int code_of(const char *status)
{
    for (size_t i = 0; i < STATUS_COUNT; i++)
        if (strcmp(status, statuses[i].status) == 0)
            return statuses[i].code;
    return -1;
}

json_t *event_report_parse(bytes_t text, error_t *err)
{
    json_error_t why;
    json_t *report = json_loadb((const char *)text.data, text.len, 0, &why);
    if (json_is_object(report) && code_of(text_of(report, "status")) >= 0)
        return report;
    json_decref(report);
    error_set(err, "an answer came that is no report: nobody counts what handlers did here; is the exchange "
                   "synchronous?");
    return NULL;
}

int event_report_code(const json_t *report)
{
    return code_of(text_of(report, "status"));
}

/* ---- for people ---- */

static void print_totals(const json_t *r, uint64_t ms)
{
    static const char *const others[] = {"failed", "pending", "gone"};
    long long all = number_of(r, "ok");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        all += number_of(r, others[i]);
    print_text(bytes_string(text_of(r, "topic")));
    printf(": %s", text_of(r, "status"));
    if (all == 0)
        printf(", no handler is there");
    else
        printf(", %lld ok of %lld", number_of(r, "ok"), all);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (number_of(r, others[i]) > 0)
            printf(", %lld %s", number_of(r, others[i]), others[i]);
    if (json_object_get(r, "error")) {
        printf(": ");
        print_text(bytes_string(text_of(r, "error")));
    }
    printf(" (seq %lld, view %lld), %" PRIu64 " ms\n", number_of(r, "seq"), number_of(r, "view"), ms);
}

/* A result or a reason, in quotes; several frames behind each other. */
static void print_value(const json_t *handler, const char *name)
{
    size_t i;
    const json_t *value = json_object_get(handler, name), *frame;
    if (json_is_string(value)) {
        printf("  \"");
        print_text(bytes_string(json_string_value(value)));
        putchar('"');
    }
    json_array_foreach(value, i, frame)
    {
        printf("  \"");
        print_text(bytes_string(json_is_string(frame) ? json_string_value(frame) : "?"));
        putchar('"');
    }
}

static void print_handler(const json_t *h, int width)
{
    static const char *const values[] = {"result", "result64", "error", "error64"};
    long long attempts = number_of(h, "attempts");
    const char *name = text_of(h, "name");
    int used = printf("  ");
    print_text(bytes_string(name));
    printf("%*s  %-7s", width + used - 2 - (int)strlen(name), "", text_of(h, "status"));
    printf("  %lld attempt%s", attempts, attempts == 1 ? " " : "s");
    if (json_object_get(h, "ms"))
        printf("  %5lld ms", number_of(h, "ms"));
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        print_value(h, values[i]);
    if (json_is_true(json_object_get(h, "truncated")))
        printf(" (cut)");
    putchar('\n');
}

void event_report_print(const json_t *report, uint64_t ms)
{
    size_t i, width = 0;
    const json_t *handlers = json_object_get(report, "handlers"), *h;
    print_totals(report, ms);
    json_array_foreach(handlers, i, h)
    {
        size_t len = strlen(text_of(h, "name"));
        width = len > width ? len : width;
    }
    json_array_foreach(handlers, i, h) print_handler(h, (int)(width < 60 ? width : 60));
}
