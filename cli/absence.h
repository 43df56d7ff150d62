/*
 * A call that failed because no gateway is here to be called, or because this user may not call it:
 * the seed's most common mistake, "running approve on the wrong machine".
 */
#pragma once

#include "cli/failure.h"

/* Whether that is why `status` came back; fills *failure then, with the way out. */
bool absence_explain(struct failure *failure, const struct cli *cli, enum oc_status status,
                     const struct oc_error *err);
