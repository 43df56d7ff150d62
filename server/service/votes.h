/*
 * Two-person approval, as the service sees it: which rules are in force, whose votes count now.
 * What follows from that is decided in server/domain/approvals.h.
 *
 * A vote counts while its voter may still approve: by the certificate that it was cast with, as a
 * remote administrator's next call would be judged; or, at the local door, as a user whom that door
 * lets in. Looked up whenever votes are counted, on what is denied in memory too.
 *
 * Not under a shard's mutex, but for votes_need_of_connect.
 */
#pragma once

#include "server/service/admin_service.h"

/* Puts rules in force: for every decision from now on. Any thread. */
void votes_change_rules(struct service *service, const struct voting *wanted);
/* What is in force. Any thread. */
void votes_get_rules(struct service *service, struct approval_rules *out);

/* Fills event->votes for APPROVE and EXPECT of `was`, the record that it is decided on. */
void votes_gather(struct service *service, const struct admin_caller *caller, bool breaks_glass,
                  const struct pairing *was, struct pairing_event *event);
/* How many must agree to what the announcement of `was` would give. Under any lock. */
unsigned votes_need_of_connect(const struct approval_rules *rules, const struct pairing *was,
                               const struct pairing_event *event);

/* What lists show of the open request's votes. */
void votes_view(struct service *service, struct device_view *view);
