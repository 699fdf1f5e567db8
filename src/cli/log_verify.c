/* SPDX-License-Identifier: Apache-2.0
 *
 * log_verify.c: `chaski log verify DIR`: reads everything, says what is wrong, and one line in the end. */
#include "cli/log.h"

static void fault(void *context, const char *file, uint64_t offset, bool fatal, const char *what)
{
    (void)context;
    log_print_fault(file, offset, fatal, what);
}

int log_verify(const log_options_t *o, disk_t *disk, error_t *err)
{
    log_summary_t summary;
    log_visitor_t visitor = {.fault = fault};
    if (log_read(disk, &visitor, &summary, err) != 0)
        return -1;
    if (summary.segments == 0)
        return error_set(err, "%s holds no log", o->folder);
    log_print_summary(o, &summary);
    return summary.faults == 0 ? CLI_DONE : CLI_FAILED;
}
