/* SPDX-License-Identifier: Apache-2.0
 *
 * rot.c: one bit of the log turns while nobody looks. Either the log is refused, and opens when the bit is as it was; or
 * messages are missing that the engine says are damaged, and all else is there, to the octet. */
#include <string.h>

#include "base/alloc.h"
#include "sim/report.h"
#include "sim/world.h"

typedef struct choice {
    sim_random_t *random;
    uint32_t files;
    char name[32];
} choice_t;

/* One of all files, each as likely. */
static void choose(void *context, const char *name)
{
    choice_t *c = context;
    if (strncmp(name, "log.", 4) == 0 && strlen(name) < sizeof c->name &&
        sim_random_once_in(c->random, ++c->files))
        strcpy(c->name, name);
}

/* The first octet from there on that is not zero: most of a segment was never written. */
static bool find_octet(world_t *w, rot_t *rot)
{
    error_t err;
    disk_file_t *file;
    uint64_t bytes;
    size_t got, at = 0;
    disk_t *disk = sim_disk_disk(w->disk);
    if (disk_open(disk, rot->name, DISK_READ, &file, &err) != 0 || disk_size(file, &bytes, &err) != 0)
        report_failure("a file that is there does not open: %s", err.text);
    uint8_t *octets = mem_alloc(bytes + 1);
    rot->offset = bytes ? dice(w, (uint32_t)bytes) : 0;
    (void)disk_read(file, rot->offset, octets, (size_t)(bytes - rot->offset), &got, &err);
    while (at < got && octets[at] == 0)
        at++;
    rot->offset += at;
    mem_free(octets);
    disk_close(&file);
    return at < got;
}

bool rot_begin(world_t *w)
{
    error_t err;
    choice_t c = {.random = &w->random};
    rot_t *rot = &w->rot;
    if (disk_list(sim_disk_disk(w->disk), choose, &c, &err) != 0 || c.files == 0)
        return false;
    strcpy(rot->name, c.name);
    rot->mask = (uint8_t)(1u << dice(w, 8));
    if (!find_octet(w, rot))
        return false;
    report_line("  a bit of octet %llu of %s turns", (unsigned long long)rot->offset, rot->name);
    sim_disk_flip(w->disk, rot->name, rot->offset, rot->mask);
    rot->is_on = w->model->may_miss = true;
    return true;
}

void rot_end(world_t *w)
{
    rot_t *rot = &w->rot;
    report_line("  the bit turns back");
    sim_disk_flip(w->disk, rot->name, rot->offset, rot->mask);
    rot->is_on = w->model->may_miss = false;
}
