/* Names and retryability of the statuses of openclaw/status.h. */
#include <openclaw/status.h>
#include <stddef.h>

#include "proto/base/cleanup.h"

static const struct {
    const char *name;
    bool is_retryable;
} statuses[OC_STATUS_COUNT] = {
    [OC_OK] = {"OK", false},
    [OC_CANCELLED] = {"CANCELLED", false},
    [OC_UNKNOWN] = {"UNKNOWN", false},
    [OC_INVALID_ARGUMENT] = {"INVALID_ARGUMENT", false},
    [OC_DEADLINE_EXCEEDED] = {"DEADLINE_EXCEEDED", true},
    [OC_NOT_FOUND] = {"NOT_FOUND", false},
    [OC_ALREADY_EXISTS] = {"ALREADY_EXISTS", false},
    [OC_PERMISSION_DENIED] = {"PERMISSION_DENIED", false},
    [OC_RESOURCE_EXHAUSTED] = {"RESOURCE_EXHAUSTED", true},
    [OC_FAILED_PRECONDITION] = {"FAILED_PRECONDITION", false},
    [OC_ABORTED] = {"ABORTED", false},
    [OC_OUT_OF_RANGE] = {"OUT_OF_RANGE", false},
    [OC_UNIMPLEMENTED] = {"UNIMPLEMENTED", false},
    [OC_INTERNAL] = {"INTERNAL", false},
    [OC_UNAVAILABLE] = {"UNAVAILABLE", true},
    [OC_DATA_LOSS] = {"DATA_LOSS", false},
    [OC_UNAUTHENTICATED] = {"UNAUTHENTICATED", false},
};

const char *oc_status_name(enum oc_status status)
{
    size_t i = (size_t)status;
    return i < OC_ARRAY_LENGTH(statuses) ? statuses[i].name : "UNKNOWN";
}

bool oc_status_is_retryable(enum oc_status status)
{
    size_t i = (size_t)status;
    return i < OC_ARRAY_LENGTH(statuses) && statuses[i].is_retryable;
}
