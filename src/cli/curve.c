/* SPDX-License-Identifier: Apache-2.0
 *
 * curve.c: `chaski curve make`, `public` and `list`: key pairs and lists of clients for the bus's CURVE ports. A secret key
 * is written once, by `make`, and never shown. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/z85.h"
#include "cli/cli.h"
#include "os/os.h"
#include "zmtp/keys.h"

#define KEY_BYTES  ZMTP_CURVE_KEY_BYTES
#define PART_COUNT (sizeof parts / sizeof *parts)

static const char help[] =
    "usage: chaski curve make FILE\n"
    "       chaski curve public FILE\n"
    "       chaski curve list FILE [--json]\n"
    "\n"
    "Keys for ports of the bus with security=curve, and for their clients.\n"
    "\n"
    "  make      draws a key pair, writes it to FILE, which must not be there yet, for its owner alone to "
    "read, and\n"
    "            prints the public key: that is what the other side is given\n"
    "  public    prints the public key of a key pair\n"
    "  list      prints the public keys in FILE: of a key pair, or of clients with their users\n"
    "    --json  one JSON object a line\n"
    "\n"
    "A list of clients has a line for each, KEY USER; comments begin with #.\n"
    "\n"
    "Exit codes: 0 done; 1 FILE cannot be written, or something is wrong in it; 2 wrong use, or it cannot be "
    "read.\n";

typedef struct options {
    const char *file;
    bool json;
} options_t;

/* ---- files ---- */

static bool write_all(int fd, bytes_t text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.data, text.len);
        if (n < 0)
            return false;
        text = bytes_make(text.data + n, text.len - (size_t)n);
    }
    return fsync(fd) == 0;
}

/* A new file; one that could not be written whole is taken away again. */
static int write_file(const char *file, bytes_t text)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return cli_complain(CLI_FAILED, "%s is there already, and no key is overwritten", file);
    if (fd < 0)
        return cli_complain(CLI_FAILED, "%s: %s", file, strerror(errno));
    bool written = write_all(fd, text);
    int error = errno;
    close(fd);
    if (written)
        return CLI_DONE;
    unlink(file);
    return cli_complain(CLI_FAILED, "%s: %s", file, strerror(error));
}

/* ---- printing ---- */

/* One key; user: "" if it has none. */
static void print_key(const uint8_t *key, const char *user, bool as_json)
{
    char text[Z85_CHARS(KEY_BYTES) + 1];
    z85_encode(bytes_make(key, KEY_BYTES), text);
    if (!as_json) {
        printf("%s%s%s\n", text, *user ? " " : "", user);
        return;
    }
    json_t *line = json_object();
    json_object_set_new(line, "key", json_string(text));
    if (*user)
        json_object_set_new(line, "user", json_string(user));
    print_json_line(line);
}

static int print_pair(const options_t *o, bytes_t text)
{
    error_t err;
    zmtp_key_pair_t pair;
    if (zmtp_key_pair_parse(text, &pair, &err) != 0)
        return cli_complain(CLI_FAILED, "%s: %s", o->file, err.text);
    print_key(pair.public_key, "", o->json);
    zmtp_key_pair_wipe(&pair);
    return CLI_DONE;
}

static int print_clients(const options_t *o, bytes_t text)
{
    error_t err;
    zmtp_curve_user_t *users;
    size_t count;
    if (zmtp_curve_users_parse(text, &users, &count, &err) != 0)
        return cli_complain(CLI_FAILED, "%s: %s", o->file, err.text);
    for (size_t i = 0; i < count; i++)
        print_key(users[i].key, users[i].user, o->json);
    mem_free(users);
    return CLI_DONE;
}

/* ---- the parts ---- */

static int make(const options_t *o)
{
    random_source_t random = os_random();
    zmtp_key_pair_t pair;
    buffer_t text = {0};
    zmtp_key_pair_make(&random, &pair);
    zmtp_key_pair_write(&pair, &text);
    int code = write_file(o->file, buffer_bytes(&text));
    if (code == CLI_DONE)
        print_key(pair.public_key, "", false);
    zmtp_key_pair_wipe(&pair);
    cli_forget(&text);
    return code;
}

static int show(const options_t *o, bool pair_only)
{
    buffer_t text;
    error_t err;
    int code = CLI_WRONG_USE;
    if (cli_read_file(o->file, &text, &err) != 0)
        cli_complain(code, "%s", err.text);
    else
        code = pair_only || zmtp_is_key_pair(buffer_bytes(&text)) ? print_pair(o, buffer_bytes(&text))
                                                                  : print_clients(o, buffer_bytes(&text));
    cli_forget(&text);
    return code;
}

static int public(const options_t *o)
{
    return show(o, true);
}

static int list(const options_t *o)
{
    return show(o, false);
}

static const struct part {
    const char *name;
    int (*run)(const options_t *o);
} parts[] = {{"make", make}, {"public", public}, {"list", list}};

static const struct part *find_part(const char *name)
{
    for (size_t i = 0; i < PART_COUNT; i++)
        if (strcmp(parts[i].name, name) == 0)
            return &parts[i];
    return NULL;
}

static int refuse_part(const char *name)
{
    const char *names[PART_COUNT];
    for (size_t i = 0; i < PART_COUNT; i++)
        names[i] = parts[i].name;
    const char *nearest = cli_nearest(name, names, PART_COUNT);
    return cli_complain(CLI_WRONG_USE, "curve knows no '%s'%s%s%s; chaski curve --help", name,
                        nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static int run(int argc, char **argv)
{
    options_t o = {0};
    if (argc < 2)
        return cli_complain(CLI_WRONG_USE, "curve: make, public or list? chaski curve --help");
    const struct part *part = find_part(argv[1]);
    if (!part)
        return refuse_part(argv[1]);
    for (int i = 2; i < argc; i++) {
        if (part->run == list && strcmp(argv[i], "--json") == 0)
            o.json = true;
        else if (argv[i][0] == '-' || o.file)
            return cli_complain(CLI_WRONG_USE, "curve %s knows no '%s' here; chaski curve --help", part->name,
                                argv[i]);
        else
            o.file = argv[i];
    }
    if (!o.file)
        return cli_complain(CLI_WRONG_USE, "curve %s needs a file", part->name);
    return part->run(&o);
}

const verb_t verb_curve = {"curve", "keys for ports of the bus, and for their clients", help, run};
