/*
 * A device as commands print it: rows, documents, and the sheet that is shown before a decision.
 */
#pragma once

#include <openclaw/admin.h>

#include "cli/output.h"

extern const struct item_kind device_kind;  /* devices list, show */
extern const struct item_kind pairing_kind; /* pairing list: the same items, other columns */

extern const struct item_kind request_kind; /* what waits, to choose from */

enum {
    DEVICE_NAME_BYTES = 5 * OC_MAX_NAME_BYTES + 32,
    DEVICE_SHORT_DIGITS = 16, /* the shortest prefix that selects */
    GRANT_TEXT_BYTES = OC_MAX_ROLE_BYTES + OC_MAX_SCOPES * (OC_MAX_SCOPE_BYTES + 2) + 32,
};

void device_write(struct writer *writer, const struct oc_device *device);
/* Its parts, for documents that hold more of a device. */
void device_write_fields(struct writer *writer, const struct oc_device *device);
void device_write_grant(struct writer *writer, const char *key, const struct oc_grant *grant);
void device_write_labels(struct writer *writer, const char *key, const struct oc_labels *labels);

/* "role agent, scopes chat, tools"; "" for no grant. Escaped. */
void device_format_grant(const struct oc_grant *grant, char *out, size_t cap);

/* An administrator's alias as it is, a claimed name in quotes, "" for neither. Escaped. */
void device_format_name(const struct oc_device *device, char out[DEVICE_NAME_BYTES]);

/* What a device says it runs on: plain words as they are, anything else in quotes. Escaped. */
void device_format_platform(const struct oc_device *device, char *out, size_t cap);

/* Whether its labels are what it claims, rather than what an administrator gave it. */
bool device_labels_are_claims(const struct oc_device *device);
/* "\"site=berlin\" \"a=b\"". Escaped. */
void device_format_claimed_labels(const struct oc_labels *labels, char *out, size_t cap);

/* Cells of a device, for tables of other things, too: `device` is a struct oc_device. */
void device_fill_id(const struct output *output, const void *device, struct cell *cell);
void device_fill_name(const struct output *output, const void *device, struct cell *cell);
void device_fill_state(const struct output *output, const void *device, struct cell *cell);
void device_fill_request(const struct output *output, const void *device, struct cell *cell);
void device_fill_source(const struct output *output, const void *device, struct cell *cell);
void device_fill_decided_by(const struct output *output, const void *device, struct cell *cell);

/* What the gateway knows of one device, a fact a line: its full id, what it asks and has, whence.
 * What it says of itself is review_print's. */
void device_print_sheet(const struct output *output, FILE *out, const struct oc_device *device);
