/* Statuses to exit codes; see exit_code.h. */
#include "cli/exit_code.h"

static const enum exit_code codes[OC_STATUS_COUNT] = {
    [OC_OK] = EXIT_DONE,
    [OC_CANCELLED] = EXIT_FAILED,
    [OC_UNKNOWN] = EXIT_FAILED,
    [OC_INVALID_ARGUMENT] = EXIT_USAGE,
    [OC_DEADLINE_EXCEEDED] = EXIT_UNAVAILABLE,
    [OC_NOT_FOUND] = EXIT_NOT_FOUND,
    [OC_ALREADY_EXISTS] = EXIT_CONFLICT,
    [OC_PERMISSION_DENIED] = EXIT_FORBIDDEN,
    [OC_RESOURCE_EXHAUSTED] = EXIT_UNAVAILABLE,
    [OC_FAILED_PRECONDITION] = EXIT_FAILED,
    [OC_ABORTED] = EXIT_CONFLICT,
    [OC_OUT_OF_RANGE] = EXIT_FAILED,
    [OC_UNIMPLEMENTED] = EXIT_FAILED,
    [OC_INTERNAL] = EXIT_FAILED,
    [OC_UNAVAILABLE] = EXIT_UNAVAILABLE,
    [OC_DATA_LOSS] = EXIT_FAILED,
    [OC_UNAUTHENTICATED] = EXIT_NOT_AUTHENTICATED,
};

static const char *const texts[EXIT_CODE_COUNT] = {
    [EXIT_DONE] = "done",
    [EXIT_FAILED] = "failed",
    [EXIT_USAGE] = "usage, or a confirmation is missing",
    [EXIT_NOT_FOUND] = "not found",
    [EXIT_NOT_AUTHENTICATED] = "not authenticated",
    [EXIT_FORBIDDEN] = "forbidden",
    [EXIT_CONFLICT] = "conflict: replaced request, wrong code",
    [EXIT_UNAVAILABLE] = "unavailable, timed out or not durable yet",
    [EXIT_SOME_FAILED] = "some items of many failed",
    [EXIT_STILL_PENDING] = "still pending",
};

enum exit_code exit_code_of(enum oc_status status)
{
    return (unsigned)status < OC_STATUS_COUNT ? codes[status] : EXIT_FAILED;
}

enum exit_code exit_code_of_decision(enum oc_status status)
{
    return status == OC_FAILED_PRECONDITION ? EXIT_CONFLICT : exit_code_of(status);
}

const char *exit_code_text(enum exit_code code)
{
    return (unsigned)code < EXIT_CODE_COUNT ? texts[code] : "unknown";
}
