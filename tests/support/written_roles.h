/* Who may call what, written down apart from the tables of dispatch.c, on purpose. */
#pragma once

#include "server/rpc/dispatch.h"

enum dispatch_verdict written_verdict(enum rpc_door door, enum rpc_role role, uint32_t number);
