/*
 * The text form of what an agent met last at a gateway; see oc_outcome. Pure: no files.
 *
 * It stands in a file of its own beside the record of pins, so that a note taken at every attempt
 * never touches what trust rests on, and agents of older versions leave it alone.
 */
#pragma once

#include <openclaw/diagnose.h>

#include "client/gateway_address.h"

enum {
    OC_OUTCOME_BYTES = 2048, /* of text, at most */
};

/* "gw.example_18789-1f2e3d4c.last", beside the ".yaml". */
void oc_outcome_file_name(const struct oc_gateway_address *address, char *out, size_t cap);

/* Writes the text and returns its length. */
size_t oc_outcome_format(const char *gateway_url, const struct oc_outcome *outcome,
                         char out[OC_OUTCOME_BYTES]);

/* Unknown lines are left unread: they are a newer agent's. `url` gets the gateway's address.
 * Fails: DATA_LOSS. */
OC_MUST_CHECK enum oc_status oc_outcome_parse(const char *text, size_t n,
                                              char url[OC_GATEWAY_URL_BYTES],
                                              struct oc_outcome *out, struct oc_error *err);
