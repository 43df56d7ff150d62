/* Ids, grants and the words for states: openclaw/types.h. */
#include <openclaw/types.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/hex.h"

static const char *const standing_names[OC_STANDING_COUNT] = {
    [OC_STANDING_NONE] = "none",
    [OC_STANDING_APPROVED] = "approved",
    [OC_STANDING_REVOKED] = "revoked",
    [OC_STANDING_BLOCKED] = "blocked",
};

static const char *const state_names[OC_STATE_COUNT] = {
    [OC_STATE_NONE] = "none",         [OC_STATE_PENDING] = "pending",
    [OC_STATE_APPROVED] = "approved", [OC_STATE_REJECTED] = "rejected",
    [OC_STATE_REVOKED] = "revoked",   [OC_STATE_BLOCKED] = "blocked",
};

static const struct {
    const char *name;
    const char *text;
} whys[OC_WHY_COUNT] = {
    [OC_WHY_NONE] = {"none", ""},
    [OC_WHY_BLOCKED] = {"blocked", "blocked: an administrator blocked this device"},
    [OC_WHY_REJECTED] = {"rejected", "rejected: an administrator rejected the last request"},
    [OC_WHY_REVOKED] = {"revoked", "revoked: this device's pairing was ended, by an administrator "
                                   "or with its term"},
    [OC_WHY_ACCESS_WIDENED] = {"access_widened",
                               "access widened: the device asks for more than was approved"},
    [OC_WHY_RECORDS_RESET] = {"records_reset",
                              "records reset: this gateway's pairing records were cleared or "
                              "damaged since the device was approved"},
    [OC_WHY_REMOVED] = {"removed", "removed: an administrator removed this device's record"},
    [OC_WHY_IDENTITY_CHANGED] = {"identity_changed",
                                 "identity changed: claims to be an approved device with another "
                                 "key; is its data directory persisted?"},
    [OC_WHY_ADDITIONAL_INSTANCE] =
        {"additional_instance", "additional instance: claims the host of a device that is paired "
                                "under another key"},
    [OC_WHY_NEW_DEVICE] = {"new_device", "new device: this gateway has never seen this key"},
};

static const struct {
    const char *name;
    uint32_t http_status;
} refusals[OC_REFUSAL_COUNT] = {
    [OC_REFUSAL_NONE] = {"none", 0},
    [OC_REFUSAL_PAIRING_REQUIRED] = {"pairing_required", 401},
    [OC_REFUSAL_REJECTED] = {"rejected", 403},
    [OC_REFUSAL_REVOKED] = {"revoked", 403},
    [OC_REFUSAL_BLOCKED] = {"blocked", 403},
    [OC_REFUSAL_BUSY] = {"busy", 429},
    [OC_REFUSAL_LOCKED] = {"locked", 503},
};

const char *oc_standing_name(enum oc_standing standing)
{
    size_t i = (size_t)standing;
    return i < OC_ARRAY_LENGTH(standing_names) ? standing_names[i] : "unknown";
}

const char *oc_state_name(enum oc_state state)
{
    size_t i = (size_t)state;
    return i < OC_ARRAY_LENGTH(state_names) ? state_names[i] : "unknown";
}

const char *oc_why_name(enum oc_why why)
{
    size_t i = (size_t)why;
    return i < OC_ARRAY_LENGTH(whys) ? whys[i].name : "unknown";
}

const char *oc_why_text(enum oc_why why)
{
    size_t i = (size_t)why;
    return i < OC_ARRAY_LENGTH(whys) ? whys[i].text : "";
}

const char *oc_refusal_name(enum oc_refusal_kind kind)
{
    size_t i = (size_t)kind;
    return i < OC_ARRAY_LENGTH(refusals) ? refusals[i].name : "unknown";
}

uint32_t oc_refusal_http_status(enum oc_refusal_kind kind)
{
    size_t i = (size_t)kind;
    return i < OC_ARRAY_LENGTH(refusals) ? refusals[i].http_status : 0;
}

bool oc_state_parse(const char *text, enum oc_state *out)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(state_names); i++) {
        if (strcmp(text, state_names[i]) == 0) {
            *out = (enum oc_state)i;
            return true;
        }
    }
    return false;
}

void oc_device_id_format(const struct oc_device_id *id, char out[OC_DEVICE_ID_DIGITS + 1])
{
    oc_hex_format(id->bytes, sizeof id->bytes, out);
}

bool oc_device_id_parse(const char *text, struct oc_device_id *out)
{
    return oc_hex_parse(text, sizeof out->bytes, out->bytes);
}

bool oc_device_id_equal(const struct oc_device_id *a, const struct oc_device_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* The canonical character for what was typed, or NUL. Crockford, "Base 32": I and L are 1, O is
 * 0, U does not exist. */
static char crockford_canonical(char c)
{
    if (c >= 'a' && c <= 'z') {
        c = (char)(c - 'a' + 'A');
    }
    if (c == 'I' || c == 'L') {
        return '1';
    }
    if (c == 'O') {
        return '0';
    }
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z' && c != 'U')) {
        return c;
    }
    return '\0';
}

bool oc_request_id_parse(const char *text, struct oc_request_id *out)
{
    struct oc_request_id id = {.text = ""};
    for (size_t i = 0; i < OC_REQUEST_ID_CHARS; i++) {
        id.text[i] = crockford_canonical(text[i]);
        if (id.text[i] == '\0') {
            return false;
        }
    }
    if (text[OC_REQUEST_ID_CHARS] != '\0') {
        return false;
    }
    *out = id;
    return true;
}

bool oc_request_id_equal(const struct oc_request_id *a, const struct oc_request_id *b)
{
    return strcmp(a->text, b->text) == 0;
}

static bool holds_scope(const struct oc_grant *grant, const char *scope)
{
    for (size_t i = 0; i < grant->n_scopes; i++) {
        if (strcmp(grant->scopes[i], scope) == 0) {
            return true;
        }
    }
    return false;
}

bool oc_grant_is_within(const struct oc_grant *inner, const struct oc_grant *outer)
{
    if (strcmp(inner->role, outer->role) != 0) {
        return false;
    }
    for (size_t i = 0; i < inner->n_scopes; i++) {
        if (!holds_scope(outer, inner->scopes[i])) {
            return false;
        }
    }
    return true;
}

bool oc_grant_equal(const struct oc_grant *a, const struct oc_grant *b)
{
    return a->n_scopes == b->n_scopes && oc_grant_is_within(a, b) && oc_grant_is_within(b, a);
}

static int compare_scopes(const void *a, const void *b)
{
    return strcmp(a, b);
}

void oc_grant_normalise(struct oc_grant *grant)
{
    qsort(grant->scopes, grant->n_scopes, sizeof grant->scopes[0], compare_scopes);
    size_t kept = 0;
    for (size_t i = 0; i < grant->n_scopes; i++) {
        if (kept == 0 || strcmp(grant->scopes[kept - 1], grant->scopes[i]) != 0) {
            memmove(grant->scopes[kept], grant->scopes[i], sizeof grant->scopes[0]);
            kept++;
        }
    }
    for (size_t i = kept; i < OC_MAX_SCOPES; i++) {
        memset(grant->scopes[i], 0, sizeof grant->scopes[i]);
    }
    grant->n_scopes = (uint8_t)kept;
}
