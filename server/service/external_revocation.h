/* Revoking who was never registered: what is written down of it, for administrators_change.c. */
#pragma once

#include "server/service/administrators.h"

/* While another CA is in force (externals.h): fills what the event lacks of a name or a certificate
 * that no row knows. Does nothing else. Writer's thread. */
void external_revocation_complete(struct service *service, struct administrator_event *event);
/*
 * Room for the row that the event may make, revoking or issuing: an administrator's from afar is
 * bounded, so that nobody takes what the revocation of somebody else needs, least of all his own.
 * Writer's thread. Fails: RESOURCE_EXHAUSTED, recorded if it came from afar.
 */
OC_MUST_CHECK enum oc_status external_reserve(struct service *service,
                                              const struct admin_caller *caller,
                                              const struct administrator_event *event,
                                              struct oc_error *err);
/* Whether this may be done while another CA is in force: nothing that makes a CA or a certificate.
 * Fails: FAILED_PRECONDITION, cause external_ca. */
OC_MUST_CHECK enum oc_status
external_check(struct service *service, enum administrator_command_kind kind, struct oc_error *err);
