/*
 * threads_group.h: ranks that are threads of one program, for tests, exercises and the
 * lesson's examples. They have memory in common, but the code that they run uses
 * messages alone, so that it can't tell.
 *
 * What no network can say: if all ranks wait for messages that nobody will send, this
 * one says who waits for whom, and ends the wait. A rank that asks by group_test again
 * and again waits, too: after a million answers of "not yet", while no rank sends,
 * receives or begins to wait. (A rank that computes asks now and then. It may do so for
 * as long as it likes, but not a million times before it sends what others wait for.)
 */
#pragma once

#include "chapters/08_many_machines/collectives/group.h"
#include "common/error.h"

enum { THREADS_GROUP_MAX = 64 };

/* Messages of up to so many elements are copied at once (group_send); in runs that
 * begin after threads_group_copy, of up to `most`: 0 copies none. */
enum { THREADS_GROUP_SHORT = 1024 };
void threads_group_copy(long most);

/* What every rank does. */
typedef void GroupBody(Group *group, void *data);

/*
 * threads_group_run: `size` ranks do `body`, each with a Group of its own and the same
 * `data`; returns when all have ended. False and an error: they waited for one another
 * for ever, or a message had another length than its receiver wanted. From then on
 * messages aren't delivered, all functions return at once, and the results mean
 * nothing.
 */
bool threads_group_run(int size, GroupBody *body, void *data, Error *error);
