/* Records of the audit, for `audit list`. */
#pragma once

#include "cli/output.h"

/* Items are struct oc_audit_record. */
extern const struct item_kind audit_kind;
/* The same where rows come one by one and stand: with times, no ages. */
extern const struct item_kind audit_follow_kind;
