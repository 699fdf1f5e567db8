/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c: chaskid: arguments → settings → broker. Exit codes: 0 after a signal, 1 if it cannot start, 2 if it
 * was called or configured wrongly. */
#include <stdio.h>

#include "base/bytes.h"
#include "daemon/broker.h"
#include "daemon/config_files.h"
#include "daemon/listen.h"
#include "daemon/options.h"

enum { EXIT_STOPPED = 0, EXIT_CANNOT_START = 1, EXIT_WRONG_USE = 2 };

typedef struct chaskid {
    options_t options;
    console_t console;
    log_t log;
} chaskid_t;

static void warn(void *context, const char *text)
{
    const chaskid_t *c = context;
    log_line(&c->log, LOG_WARNING, "%s", text);
}

static settings_t *read_settings(chaskid_t *c, const config_files_t *files, settings_warning_t *warning,
                                 error_t *err)
{
    settings_source_t source = {
        .files = (const char *const *)files->names,
        .file_count = files->count,
        .assignments = c->options.assignments,
        .assignment_count = c->options.assignment_count,
        .warning = warning,
        .context = c,
    };
    settings_t *s = settings_read(&source, err);
    if (s && !listen_check(s, err))
        settings_free(&s);
    return s;
}

/* What has no effect was said at the start; a reload does not say it again. */
static settings_t *settings_again(void *context, error_t *err)
{
    chaskid_t *c = context;
    config_files_t files;
    settings_t *s = NULL;
    if (config_files_find(&files, c->options.config_file, err) == 0)
        s = read_settings(c, &files, NULL, err);
    config_files_deinit(&files);
    return s;
}

/* "defaults, a.conf, conf.d/b.conf, command line" */
static void describe_settings(const chaskid_t *c, const config_files_t *files, buffer_t *out)
{
    write_bytes(out, BYTES("defaults"));
    for (size_t i = 0; i < files->count; i++) {
        write_bytes(out, BYTES(", "));
        write_bytes(out, bytes_string(files->names[i]));
    }
    if (c->options.assignment_count > 0)
        write_bytes(out, BYTES(", command line"));
    write_u8(out, '\0');
}

static int complain(const error_t *err, int code)
{
    fprintf(stderr, "chaskid: %s\n", err->text);
    return code;
}

static int run_with(chaskid_t *c, settings_t *s, const config_files_t *files)
{
    error_t err;
    buffer_t text;
    buffer_init(&text, 0);
    describe_settings(c, files, &text);
    console_set_level(&c->console, s->log_level);
    broker_options_t options = {
        .settings = s,
        .settings_text = (const char *)text.data,
        .console = &c->console,
        .log = &c->log,
        .settings_again = settings_again,
        .context = c,
    };
    int rc = broker_run(&options, &err);
    buffer_free(&text);
    return rc == 0 ? EXIT_STOPPED : complain(&err, EXIT_CANNOT_START);
}

static int run(chaskid_t *c)
{
    error_t err;
    config_files_t files;
    settings_t *s = NULL;
    if (config_files_find(&files, c->options.config_file, &err) == 0)
        s = read_settings(c, &files, warn, &err);
    int code = s ? run_with(c, s, &files) : complain(&err, EXIT_WRONG_USE);
    settings_free(&s);
    config_files_deinit(&files);
    return code;
}

int main(int argc, char **argv)
{
    error_t err;
    chaskid_t c;
    c.log = console_init(&c.console, LOG_INFO);
    int code = 0;
    if (options_parse(&c.options, argc, argv, &err) != 0)
        code = complain(&err, EXIT_WRONG_USE);
    else if (c.options.ask == OPTIONS_HELP)
        options_print_help(stdout);
    else if (c.options.ask == OPTIONS_VERSION)
        puts("chaskid " CHASKI_VERSION);
    else
        code = run(&c);
    options_deinit(&c.options);
    return code;
}
