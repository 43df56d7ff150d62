/* Refused calls in the audit, for the files of this folder. */
#pragma once

#include "server/service/admin_service.h"

/* As admin_record_denied, of a decision that the service refused: `audit` says who, what, of which
 * device and why; time and outcome are filled in. */
void admin_record_refused(struct service *service, const struct audit_event *audit);
