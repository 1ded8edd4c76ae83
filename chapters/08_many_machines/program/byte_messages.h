/* byte_messages.h: messages of anything that has no pointers, between ranks whose
 * machines are alike. The receiver wants as many bytes as are sent. */
#pragma once

#include <stddef.h>

#include "chapters/08_many_machines/collectives/group.h"

void bytes_send(Group *group, int rank, const void *bytes, size_t count);
void bytes_receive(Group *group, int rank, void *bytes, size_t count);
