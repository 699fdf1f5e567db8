/* SPDX-License-Identifier: Apache-2.0
 *
 * `chaski log` on real folders: whole ones, damaged ones, and what is none. It never changes what it reads. */
#include "store/log_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/cli.h"
#include "os/disk.h"

typedef struct place {
    char folder[64];
    char said[65536]; /* by the last run, to both */
    record_no last;
} place_t;

static void path_in(const place_t *p, const char *name, char out[512])
{
    text_format(out, 512, "%s/%s", p->folder, name);
}

/* The log's files, and the lock. */
static void each_file(const place_t *p, void (*each)(const char *path, void *context), void *context)
{
    DIR *d = opendir(p->folder);
    assert_non_null(d);
    for (const struct dirent *entry; (entry = readdir(d)) != NULL;) {
        char path[512];
        path_in(p, entry->d_name, path);
        if (entry->d_name[0] != '.')
            each(path, context);
    }
    closedir(d);
}

/* A folder with a log of a few segments. */
static int setup(void **state)
{
    static place_t place;
    place_t *p = &place;
    text_format(p->folder, sizeof p->folder, "/tmp/chaski-test-log-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    fixture_t *f = fixture_new(1);
    disk_free(&f->disk);
    f->disk = os_disk_open(p->folder, &f->err);
    assert_non_null(f->disk);
    open_well(f);
    for (uint32_t i = 0; i < 60; i++) {
        put_batch(f, 3, 400);
        settle_well(f);
    }
    p->last = f->next - 1;
    close_store(f);
    fixture_free(f);
    *state = p;
    return 0;
}

static void remove_file(const char *path, void *context)
{
    (void)context;
    unlink(path);
}

static int teardown(void **state)
{
    place_t *p = *state;
    each_file(p, remove_file, NULL);
    rmdir(p->folder);
    return 0;
}

#define place_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* `chaski log` with these arguments; what it says goes to p->said. */
static int run(place_t *p, int argc, const char *const *arguments)
{
    char *argv[8] = {(char *)(uintptr_t) "log"};
    for (int i = 0; i < argc; i++)
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    FILE *file = tmpfile();
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    fflush(stdout);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    int code = verb_log.run(argc + 1, argv);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out), close(err);
    rewind(file);
    p->said[fread(p->said, 1, sizeof p->said - 1, file)] = '\0';
    fclose(file);
    return code;
}

#define RUN(p, ...)                                                                                          \
    run((p), (int)(sizeof(const char *[]){__VA_ARGS__} / sizeof(char *)), (const char *[]){__VA_ARGS__})

static void assert_said(const place_t *p, const char *text)
{
    if (!strstr(p->said, text))
        fail_msg("no '%s' in: %.3000s", text, p->said);
}

static size_t count_said(const place_t *p, const char *text)
{
    size_t count = 0;
    for (const char *at = p->said; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

/* Changes one octet of a file. */
static void damage(const place_t *p, const char *name, long offset)
{
    char path[512];
    path_in(p, name, path);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, offset, SEEK_SET);
    int octet = fgetc(file);
    fseek(file, offset, SEEK_SET);
    fputc(octet ^ 0x55, file);
    fclose(file);
}

static void a_whole_log_has_no_fault(void **state)
{
    place_t *p = *state;
    char range[64];
    assert_int_equal(RUN(p, "verify", p->folder), CLI_DONE);
    text_format(range, sizeof range, "%llu records, 1 to %llu, ", (unsigned long long)p->last,
                (unsigned long long)p->last);
    assert_said(p, range);
    assert_said(p, "no fault\n");
    assert_int_equal(count_said(p, "\n"), 1);
}

static void changed_content_is_found_with_its_place(void **state)
{
    place_t *p = *state;
    damage(p, "log.0000000001", 1536); /* inside of the first group's content */
    assert_int_equal(RUN(p, "verify", p->folder), CLI_FAILED);
    assert_said(p, "log.0000000001: offset 1024: the content of record 1 is damaged\n");
    assert_said(p, "180 records, 1 to 180, ");
    assert_said(p, "; 1 fault, 0 fatal\n");
    assert_int_equal(RUN(p, "inspect", p->folder, "--json", "--records"), CLI_FAILED);
    assert_int_equal(count_said(p, "\"damaged\":true"), 1);
    assert_int_equal(count_said(p, "\"kind\":\"fault\""), 1);
}

static void a_frame_that_is_gone_is_fatal(void **state)
{
    place_t *p = *state;
    damage(p, "log.0000000001", 1024);
    assert_int_equal(RUN(p, "verify", p->folder), CLI_FAILED);
    assert_said(p, "log.0000000001: offset 1024: records 1 to 3 ");
    assert_said(p, "(a broker would not start on it)");
}

static void everything_in_a_log_can_be_listed(void **state)
{
    place_t *p = *state;
    assert_int_equal(RUN(p, "inspect", p->folder), CLI_DONE);
    assert_said(p, "segment log.0000000001: ");
    assert_said(p, "  frame at 512: ");
    assert_null(strstr(p->said, " message, "));
    assert_int_equal(RUN(p, "inspect", p->folder, "--records"), CLI_DONE);
    assert_said(p, "    1 message, exchange 'ee', key ");
    assert_int_equal(RUN(p, "inspect", "--records", "--from", "178", p->folder), CLI_DONE);
    assert_int_equal(count_said(p, "\n    1"), 3);
    assert_said(p, "\n    178 ");
}

static void with_json_each_line_is_an_object(void **state)
{
    place_t *p = *state;
    assert_int_equal(RUN(p, "inspect", p->folder, "--json", "--records"), CLI_DONE);
    record_no next = 1;
    for (char *line = strtok(p->said, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(object);
        if (strcmp(json_string_value(json_object_get(object, "kind")), "record") == 0)
            assert_int_equal(json_integer_value(json_object_get(object, "record")), next++);
        json_decref(object);
    }
    assert_int_equal(next, p->last + 1);
}

static void what_is_no_log_is_said(void **state)
{
    place_t *p = *state;
    char path[512];
    path_in(p, "nothing", path);
    assert_int_equal(RUN(p, "verify", path), CLI_WRONG_USE);
    assert_said(p, "No such file or directory");
    assert_int_not_equal(access(path, F_OK), 0);
    path_in(p, "log.0000000001", path);
    assert_int_equal(RUN(p, "verify", path), CLI_WRONG_USE);
    assert_said(p, "is a file: name the folder");
    each_file(p, remove_file, NULL);
    assert_int_equal(RUN(p, "verify", p->folder), CLI_WRONG_USE);
    assert_said(p, "holds no log");
}

static void wrong_use_is_named(void **state)
{
    place_t *p = *state;
    assert_int_equal(RUN(p, "verfy", p->folder), CLI_WRONG_USE);
    assert_said(p, "did you mean 'verify'?");
    assert_int_equal(RUN(p, "verify"), CLI_WRONG_USE);
    assert_int_equal(RUN(p, "inspect", p->folder, "--from", "x"), CLI_WRONG_USE);
    assert_int_equal(RUN(p, "inspect", p->folder, "--from"), CLI_WRONG_USE);
    assert_int_equal(RUN(p, "inspect", p->folder, p->folder), CLI_WRONG_USE);
    assert_int_equal(RUN(p, "verify", p->folder, "--json"), CLI_WRONG_USE);
}

static void sum_up(const char *path, void *context)
{
    uint64_t *sum = context;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    *sum += strlen(path);
    for (int octet; (octet = fgetc(file)) != EOF;)
        *sum = *sum * 31 + (uint64_t)octet + 1;
    fclose(file);
}

static void reading_changes_nothing(void **state)
{
    place_t *p = *state;
    uint64_t before = 0, after = 0;
    damage(p, "log.0000000001", 600);
    each_file(p, sum_up, &before);
    (void)RUN(p, "verify", p->folder);
    (void)RUN(p, "inspect", p->folder, "--records");
    each_file(p, sum_up, &after);
    assert_int_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        place_test(a_whole_log_has_no_fault),
        place_test(changed_content_is_found_with_its_place),
        place_test(a_frame_that_is_gone_is_fatal),
        place_test(everything_in_a_log_can_be_listed),
        place_test(with_json_each_line_is_an_object),
        place_test(what_is_no_log_is_said),
        place_test(wrong_use_is_named),
        place_test(reading_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
