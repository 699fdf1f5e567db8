/* SPDX-License-Identifier: Apache-2.0
 *
 * config_files.c: the folder's names in octet order, so that 10-a.conf comes before 20-b.conf in every
 * locale. */
#include "daemon/config_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

static char *join(const char *folder, size_t folder_len, const char *name)
{
    size_t bytes = folder_len + strlen(name) + 1;
    char *joined = mem_alloc(bytes);
    text_format(joined, bytes, "%.*s%s", (int)folder_len, folder, name);
    return joined;
}

static void append(config_files_t *files, char *name)
{
    files->names = mem_resize(files->names, (files->count + 1) * sizeof *files->names);
    files->names[files->count++] = name;
}

/* Hidden files and what an editor left (a.conf~, .a.conf.swp) are no configuration. */
static int is_configuration(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int by_octets(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int append_folder(config_files_t *files, const char *folder, error_t *err)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_configuration, by_octets);
    if (count < 0)
        return errno == ENOENT ? 0 : error_set(err, "cannot read the folder %s: %s", folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        append(files, join(folder, strlen(folder), entries[i]->d_name));
        free(entries[i]); /* scandir's own memory */
    }
    free(entries);
    return 0;
}

int config_files_find(config_files_t *files, const char *file, error_t *err)
{
    *files = (config_files_t){0};
    if (!file)
        return 0;
    append(files, join(file, strlen(file), ""));
    const char *slash = strrchr(file, '/');
    char *folder = join(file, slash ? (size_t)(slash - file) + 1 : 0, "conf.d/");
    int rc = append_folder(files, folder, err);
    mem_free(folder);
    return rc;
}

void config_files_deinit(config_files_t *files)
{
    for (size_t i = 0; i < files->count; i++)
        mem_free(files->names[i]);
    mem_free(files->names);
    *files = (config_files_t){0};
}
