/* SPDX-License-Identifier: Apache-2.0
 *
 * test_command_line.c: what chaskid's arguments mean, and which files a configuration consists of. */
#include "config/folder.h"

#include "daemon/config_files.h"
#include "daemon/options.h"

/* Parses up to seven arguments; the options are the caller's to free. */
static int parse(options_t *o, error_t *err, const char *const arguments[8])
{
    static char name[] = "chaskid";
    char *argv[9] = {name};
    int argc = 1;
    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
    return options_parse(o, argc, argv, err);
}

#define PARSE(o, err, ...) parse(o, err, (const char *const[8]){__VA_ARGS__, NULL})

static void without_arguments_it_runs_with_defaults(void **state)
{
    (void)state;
    options_t o;
    error_t err;
    assert_int_equal(PARSE(&o, &err, NULL), 0);
    assert_int_equal(o.ask, OPTIONS_RUN);
    assert_null(o.config_file);
    assert_int_equal(o.assignment_count, 0);
    options_deinit(&o);
}

static void a_file_and_settings_may_stand_in_any_order(void **state)
{
    (void)state;
    options_t o;
    error_t err;
    assert_int_equal(PARSE(&o, &err, "a=1", "-c", "x.conf", "b=2"), 0);
    assert_string_equal(o.config_file, "x.conf");
    assert_int_equal(o.assignment_count, 2);
    assert_string_equal(o.assignments[0], "a=1");
    assert_string_equal(o.assignments[1], "b=2");
    options_deinit(&o);
}

static void the_file_has_four_spellings(void **state)
{
    (void)state;
    options_t o;
    error_t err;
    assert_int_equal(PARSE(&o, &err, "-cx.conf"), 0);
    assert_string_equal(o.config_file, "x.conf");
    options_deinit(&o);
    assert_int_equal(PARSE(&o, &err, "--config=x.conf"), 0);
    assert_string_equal(o.config_file, "x.conf");
    options_deinit(&o);
    assert_int_equal(PARSE(&o, &err, "--config", "x.conf"), 0);
    assert_string_equal(o.config_file, "x.conf");
    options_deinit(&o);
}

static void help_and_version_are_asked_for(void **state)
{
    (void)state;
    options_t o;
    error_t err;
    assert_int_equal(PARSE(&o, &err, "-h"), 0);
    assert_int_equal(o.ask, OPTIONS_HELP);
    options_deinit(&o);
    assert_int_equal(PARSE(&o, &err, "a=1", "--version"), 0);
    assert_int_equal(o.ask, OPTIONS_VERSION);
    options_deinit(&o);
}

static void an_unknown_option_is_refused_by_name(void **state)
{
    (void)state;
    options_t o;
    error_t err;
    assert_int_not_equal(PARSE(&o, &err, "--verbose"), 0);
    assert_non_null(strstr(err.text, "'--verbose'"));
    options_deinit(&o);
    assert_int_not_equal(PARSE(&o, &err, "-c"), 0);
    assert_non_null(strstr(err.text, "-c needs a FILE"));
    options_deinit(&o);
}

/* ---- files ---- */

static void no_file_means_no_files(void **state)
{
    (void)state;
    config_files_t files;
    error_t err;
    assert_int_equal(config_files_find(&files, NULL, &err), 0);
    assert_int_equal(files.count, 0);
    config_files_deinit(&files);
}

static void a_file_without_conf_d_stands_alone(void **state)
{
    config_files_t files;
    error_t err;
    const char *file = folder_file(*state, "chaski.conf", "");
    assert_int_equal(config_files_find(&files, file, &err), 0);
    assert_int_equal(files.count, 1);
    assert_string_equal(files.names[0], file);
    config_files_deinit(&files);
}

static void conf_d_follows_in_the_order_of_names(void **state)
{
    folder_t *f = *state;
    config_files_t files;
    error_t err;
    const char *file = folder_file(f, "chaski.conf", "");
    folder_make(f, "conf.d");
    folder_file(f, "conf.d/20-b.conf", "");
    folder_file(f, "conf.d/10-c.conf", "");
    folder_file(f, "conf.d/9-a.conf", "");
    folder_file(f, "conf.d/.hidden.conf", "");
    folder_file(f, "conf.d/10-c.conf~", "");
    folder_file(f, "conf.d/README", "");
    folder_file(f, "conf.d/.conf", "");
    assert_int_equal(config_files_find(&files, file, &err), 0);
    static const char *const expected[] = {"chaski.conf", "conf.d/10-c.conf", "conf.d/20-b.conf",
                                           "conf.d/9-a.conf"};
    assert_int_equal(files.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(files.names[i] + strlen(f->path) + 1, expected[i]);
    config_files_deinit(&files);
}

static void a_conf_d_that_is_no_folder_is_refused(void **state)
{
    config_files_t files;
    error_t err;
    const char *file = folder_file(*state, "chaski.conf", "");
    folder_file(*state, "conf.d", "");
    assert_int_not_equal(config_files_find(&files, file, &err), 0);
    assert_non_null(strstr(err.text, "conf.d"));
    config_files_deinit(&files);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_arguments_it_runs_with_defaults),
        cmocka_unit_test(a_file_and_settings_may_stand_in_any_order),
        cmocka_unit_test(the_file_has_four_spellings),
        cmocka_unit_test(help_and_version_are_asked_for),
        cmocka_unit_test(an_unknown_option_is_refused_by_name),
        cmocka_unit_test(no_file_means_no_files),
        IN_FOLDER(a_file_without_conf_d_stands_alone),
        IN_FOLDER(conf_d_follows_in_the_order_of_names),
        IN_FOLDER(a_conf_d_that_is_no_folder_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
