/* SPDX-License-Identifier: Apache-2.0
 *
 * test_keys.c: the table against what must agree with it: RabbitMQ's own schemas, --help,
 * docs/configuration.md. Runs at the top of the tree. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/options.h"

static void every_key_of_rabbitmqs_schemas_is_known(void **state)
{
    (void)state;
    static const char *const keys[] = {
#define KEY(key) key,
#include "config/schema_keys.def"
#undef KEY
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!settings_rabbitmq_knows(keys[i]))
            fail_msg("'%s' would be refused", keys[i]);
}

static void a_key_near_a_known_one_is_not_known(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "heartbeats",
        "heartbeat.x",
        "heartbea",
        "",
        "mqtt",
        "mqtt.",
        "log.console.levels",
        "log.connection",
        "log.connection.rotation",
        "listeners.tcp.",
        "listeners.tcp.a.b",
        "tcp_listen_options.x",
        "management",
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (settings_rabbitmq_knows(keys[i]))
            fail_msg("'%s' would be let through", keys[i]);
}

static void a_name_of_the_users_choice_may_have_an_escaped_dot(void **state)
{
    (void)state;
    assert_true(settings_rabbitmq_knows("loopback_users.some\\.body"));
    assert_false(settings_rabbitmq_knows("loopback_users.some.body"));
}

/* All of a file as one string; freed by the caller. */
static char *read_all(FILE *f)
{
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long len = ftell(f);
    assert_true(len > 0);
    rewind(f);
    char *text = calloc((size_t)len + 1, 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)len, f), (size_t)len);
    fclose(f);
    return text;
}

/* True if the text has `before`, the key, and then nothing that would go on with it. */
static bool names_key(const char *text, const char *before, const char *key)
{
    char expected[256];
    snprintf(expected, sizeof expected, "%s%s", before, key);
    for (const char *at = text; (at = strstr(at, expected)) != NULL; at++)
        if (strchr(" `\n", at[strlen(expected)]))
            return true;
    return false;
}

/* `between` stands between a key and its default, `after` behind that. */
static void assert_names_every_key(const char *text, const char *before, const char *between,
                                   const char *after)
{
    setting_t row;
    for (size_t i = 0; settings_row(i, &row); i++) {
        char key_and_default[256];
        snprintf(key_and_default, sizeof key_and_default, "%s%s%s%s", row.key, between, row.value, after);
        if (!names_key(text, before, row.key))
            fail_msg("'%s' is missing", row.key);
        if (row.value[0] && !strstr(text, key_and_default))
            fail_msg("'%s' is missing", key_and_default);
    }
}

static void help_names_every_key_with_its_default(void **state)
{
    (void)state;
    FILE *f = tmpfile();
    assert_non_null(f);
    options_print_help(f);
    char *text = read_all(f);
    assert_names_every_key(text, "\n  ", " = ", "");
    free(text);
}

static void the_manual_names_every_key_with_its_default(void **state)
{
    (void)state;
    FILE *f = fopen("docs/configuration.md", "r");
    if (!f)
        fail_msg("docs/configuration.md cannot be opened; run this at the top of the tree");
    char *text = read_all(f);
    assert_names_every_key(text, "\n| `", "` | `", "` |");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_rabbitmqs_schemas_is_known),
        cmocka_unit_test(a_key_near_a_known_one_is_not_known),
        cmocka_unit_test(a_name_of_the_users_choice_may_have_an_escaped_dot),
        cmocka_unit_test(help_names_every_key_with_its_default),
        cmocka_unit_test(the_manual_names_every_key_with_its_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
