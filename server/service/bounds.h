/*
 * The bounds of approvers, asked inside the change that they bound: on the state that it is decided
 * on, with the bounds that are in force by then. Who is at the local door or has the role admin has
 * none.
 *
 * Thread: the writer's.
 */
#pragma once

#include "server/domain/bound.h"
#include "server/service/admin_service.h"

/* Whether the caller may cause this event on the record as it is. What is refused is audited,
 * within the limits of denied_limit.h.
 * Fails: PERMISSION_DENIED; its cause is bound_verdict_name, err->closest the bound's name. */
OC_MUST_CHECK enum oc_status bounds_check(struct service *service,
                                          const struct admin_caller *caller,
                                          const struct pairing *was,
                                          const struct pairing_event *event, struct oc_error *err);

/* The same of an administrator who voted for it earlier and is not there to ask. */
bool bounds_cover(struct service *service, const struct admin_caller *voter,
                  const struct pairing *was, const struct pairing_event *event);
