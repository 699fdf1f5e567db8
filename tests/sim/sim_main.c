/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_main.c: histories from seeds.
 *
 *   sim [--from SEED] [--seeds N] [--bug NAME] [--verbose]
 *
 * Prints how many were clean; on a finding what it is and how to see it again, and ends with 1. With --bug one of the
 * bugs of sim_bugs.h is planted: then a finding is what is wanted, and none within the seeds ends with 1. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/sim_bugs.h"
#include "sim/sim_world.h"

typedef struct options {
    uint64_t from, seeds;
    const char *bug;
    bool is_verbose;
} options_t;

static bool parse(options_t *o, int argc, char **argv)
{
    *o = (options_t){.from = 1, .seeds = 1000};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--verbose") == 0)
            o->is_verbose = true;
        else if (strcmp(argv[i], "--from") == 0 && value)
            o->from = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seeds") == 0 && value)
            o->seeds = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--bug") == 0 && value)
            o->bug = argv[++i];
        else
            return false;
    }
    return o->bug == NULL || sim_bug_plant(o->bug);
}

/* True if it was clean; else what was found is in `finding`. What a broken world holds is left to the process. */
static bool run_seed(uint64_t seed, bool is_verbose, char *finding, size_t finding_bytes)
{
    jmp_buf failed;
    sim_world_t *volatile w = sim_world_new(seed, &failed, is_verbose);
    if (setjmp(failed) == 0) {
        sim_bug_apply(w->sim_disk);
        sim_world_run(w);
        sim_world_free(w);
        return true;
    }
    snprintf(finding, finding_bytes, "%s", w->finding);
    return false;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    options_t o;
    char finding[512];
    if (!parse(&o, argc, argv)) {
        fprintf(stderr,
                "usage: sim [--from SEED] [--seeds N] [--verbose] [--bug NAME], with one of the bugs:\n");
        sim_bug_list(stderr);
        return 2;
    }
    mallopt(M_TRIM_THRESHOLD, 512 << 20); /* histories come and go: memory may stay */
    double began = seconds();
    for (uint64_t seed = o.from; seed < o.from + o.seeds; seed++) {
        if (run_seed(seed, o.is_verbose, finding, sizeof finding))
            continue;
        if (o.bug) {
            printf("%s: found with seed %llu, after %llu: %s\n", o.bug, (unsigned long long)seed,
                   (unsigned long long)(seed - o.from + 1), finding);
            fflush(stdout);
            _Exit(0);
        }
        printf("seed %llu: %s\nsee it again: %s --from %llu --seeds 1 --verbose\n", (unsigned long long)seed,
               finding, argv[0], (unsigned long long)seed);
        fflush(stdout);
        _Exit(1);
    }
    if (o.bug) {
        printf("%s: NOT found within %llu seeds\n", o.bug, (unsigned long long)o.seeds);
        return 1;
    }
    printf("%llu histories from seed %llu on: clean (%.0f a second)\n", (unsigned long long)o.seeds,
           (unsigned long long)o.from, (double)o.seeds / (seconds() - began));
    return 0;
}
