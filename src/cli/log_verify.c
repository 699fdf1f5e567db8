/* SPDX-License-Identifier: Apache-2.0
 *
 * log_verify.c: `chaski log verify DIR`: reads everything, says what is wrong, and one line in the end. */
#include "cli/log.h"

static void fault(void *context, const char *file, uint64_t offset, bool fatal, const char *what)
{
    (void)context;
    log_print_fault(file, offset, fatal, what);
}

static void frame(void *context, const char *file, uint64_t offset, uint64_t bytes, record_no first,
                  uint32_t records, record_no durable_through, uint64_t incarnation, bool is_mark)
{
    (void)bytes, (void)durable_through, (void)incarnation, (void)is_mark;
    log_damage_frame(context, file, offset, first, records);
}

static void record(void *context, record_no number, const record_t *r, bytes_t content, bool damaged)
{
    (void)r, (void)content;
    log_damage_record(context, number, damaged);
}

int log_verify(const log_options_t *o, disk_t *disk, error_t *err)
{
    log_summary_t summary;
    log_damage_t damage = {.fault = fault};
    log_visitor_t visitor = {.context = &damage, .frame = frame, .record = record, .fault = fault};
    int rc = log_read(disk, &visitor, &summary, err);
    log_damage_deinit(&damage);
    if (rc != 0)
        return -1;
    if (summary.segments == 0)
        return error_set(err, "%s holds no log", o->folder);
    summary.faults += damage.records;
    log_print_summary(o, &summary);
    return summary.faults == 0 ? CLI_DONE : CLI_FAILED;
}
