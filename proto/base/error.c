/* The one way to fill an oc_error; see openclaw/error.h. */
#include <openclaw/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum oc_status oc_fail(struct oc_error *err, enum oc_status status, const char *format, ...)
{
    if (err) {
        memset(err, 0, sizeof *err);
        err->status = status;
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(err->text, sizeof err->text, format, arguments);
        va_end(arguments);
    }
    return status;
}
