/*
 * The lines of an audit export, read back: exactly what openclaw/audit.h writes, or nothing. Pure;
 * any thread.
 */
#pragma once

#include <openclaw/audit.h>

enum oc_audit_line {
    OC_AUDIT_LINE_HEADER,
    OC_AUDIT_LINE_RECORD,
    OC_AUDIT_LINE_CHECKPOINT,
    OC_AUDIT_LINE_UNKNOWN,
};

/* By how it begins. */
enum oc_audit_line oc_audit_line_kind(const char *line, size_t n);

/* n bytes without the newline. */
bool oc_audit_parse_header(const char *line, size_t n, struct oc_audit_header *out);
bool oc_audit_parse_record(const char *line, size_t n, struct oc_audit_record *out);

/* The hash of a record, given that of the one before. */
struct oc_digest oc_audit_record_hash(const struct oc_digest *before,
                                      const struct oc_audit_record *record);
