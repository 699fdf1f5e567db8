/* SPDX-License-Identifier: Apache-2.0
 *
 * checker.c: a client of its own that looks, when a log was opened, what came back: which definitions are there, that they
 * are as they were declared, and every message. Nobody else is there meanwhile. */
#include "sim/report.h"
#include "sim/world.h"

enum { TURNS_MOST = 100000 };

static client_t *checker(world_t *w)
{
    return &w->clients[CHECKER];
}

/* True if it was answered, and well; false too if the life is over. */
static bool wait_for_answer(world_t *w)
{
    for (int turns = 0; !w->answered && !w->is_over; turns++) {
        (void)world_turn(w);
        if (turns == TURNS_MOST)
            report_failure("the checker is not answered");
    }
    return w->answered && w->answer_ok;
}

static void ask_begin(world_t *w)
{
    client_t *c = checker(w);
    if (c->stage == STAGE_NONE)
        client_enter(w, CHECKER);
    if (c->channels[1].stage == STAGE_REFUSED)
        channel_release(c, 1);
    if (c->channels[1].stage == STAGE_NONE)
        channel_open(c, 1);
    w->answered = w->answer_ok = false;
}

/* ---- definitions ---- */

static bool is_there(world_t *w, unsigned object)
{
    ask_begin(w);
    ask_look(checker(w), 1, object);
    return wait_for_answer(w);
}

static void check_count(world_t *w, unsigned queue)
{
    uint32_t least, most;
    model_count(w->model, queue, &least, &most);
    model_show(w->model, queue);
    if (w->answer_count < least || w->answer_count > most)
        report_failure("queue %s has %u messages, it must be %u to %u", object_specs[queue].name,
                       w->answer_count, least, most);
}

/* As it was declared: another declaration of the same would be refused if it were not. */
static void check_equal(world_t *w, unsigned object)
{
    ask_begin(w);
    ask_object(checker(w), 1, object, true, false);
    (void)wait_for_answer(w);
}

static void check_object(world_t *w, unsigned object)
{
    uint8_t expected = w->model->objects[object].now;
    const char *name = object_specs[object].name;
    if (expected == NO && dice(w, 4) > 0)
        return; /* looking for what is not there costs a channel */
    bool there = is_there(w, object);
    if (w->is_over)
        return;
    if (there && expected == NO)
        report_failure("%s is there, but was deleted, or never declared", name);
    if (!there && expected == YES)
        report_failure("%s is not there any more", name);
    uint32_t count = w->answer_count;
    model_object_seen(w->model, object, there);
    w->answer_count = count;
    if (there && object_is_queue(object))
        check_count(w, object);
    if (there && dice(w, 2))
        check_equal(w, object);
}

void check_definitions(world_t *w)
{
    for (unsigned object = 0; object < OBJECTS && !w->is_over; object++)
        if (!object_specs[object].predeclared)
            check_object(w, object);
}

/* ---- messages ---- */

static void dump_queue(world_t *w, unsigned queue, bool takes)
{
    dump_t dump;
    bool more = true;
    model_dump_begin(w->model, &dump);
    w->dump = &dump;
    while (more && !w->is_over) {
        ask_begin(w);
        uint32_t ahead = 1 + dice(w, 8);
        for (uint32_t i = 0; i < ahead; i++)
            ask_get(checker(w), 1, queue, takes);
        while (ops_first(&checker(w)->channels[1].ops) && !w->is_over) {
            w->answered = false;
            more = wait_for_answer(w);
        }
    }
    w->dump = NULL;
    if (!w->is_over)
        model_dump_end(w->model, &dump, queue);
}

void check_messages(world_t *w, bool takes)
{
    for (unsigned q = 0; q < QUEUES && !w->is_over; q++)
        if (w->model->possible_objects >> q & 1 && is_there(w, q))
            dump_queue(w, q, takes);
    if (w->is_over || checker(w)->stage == STAGE_NONE)
        return;
    client_leave(checker(w), false);
    world_settle(w);
}
