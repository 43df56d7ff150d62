/* Values of options; see values.h. */
#include "cli/values.h"

#include <stdlib.h>
#include <string.h>

bool value_copy(const char *text, char *out, size_t cap)
{
    if (text && strlen(text) >= cap) {
        return false;
    }
    if (text) {
        memcpy(out, text, strlen(text) + 1);
    }
    return true;
}

static bool add_scope(struct oc_grant *grant, const char *scope, size_t length)
{
    if (length == 0 || length > OC_MAX_SCOPE_BYTES || grant->n_scopes == OC_MAX_SCOPES) {
        return false;
    }
    memcpy(grant->scopes[grant->n_scopes], scope, length);
    grant->scopes[grant->n_scopes][length] = '\0';
    grant->n_scopes++;
    return true;
}

bool value_read_grant(const struct arguments *args, struct oc_grant *out)
{
    struct oc_grant grant = {.role = ""};
    if (!value_copy(arguments_value(args, OPT_ROLE), grant.role, sizeof grant.role)) {
        return false;
    }
    for (size_t i = 0; i < args->n_options; i++) {
        const char *rest = args->options[i].value;
        while (args->options[i].id == OPT_SCOPE) {
            size_t n = strcspn(rest, ",");
            if (!add_scope(&grant, rest, n)) {
                return false;
            }
            if (rest[n] == '\0') {
                break;
            }
            rest += n + 1;
        }
    }
    oc_grant_normalise(&grant);
    *out = grant;
    return true;
}

bool value_read_whole_grant(const struct arguments *args, struct oc_grant *out)
{
    if (!value_read_grant(args, out)) {
        return false;
    }
    if (out->role[0] == '\0' && out->n_scopes > 0) {
        memcpy(out->role, "agent", sizeof "agent");
    }
    return true;
}

static bool add_label(struct oc_labels *labels, const char *text)
{
    size_t n_key = strcspn(text, "=");
    if (text[n_key] != '=' || n_key == 0 || n_key > OC_MAX_LABEL_KEY_BYTES ||
        strlen(text + n_key + 1) > OC_MAX_LABEL_VALUE_BYTES || labels->n == OC_MAX_LABELS) {
        return false;
    }
    struct oc_label label = {.key = ""};
    memcpy(label.key, text, n_key);
    memcpy(label.value, text + n_key + 1, strlen(text + n_key + 1));
    size_t at = 0;
    while (at < labels->n && strcmp(labels->items[at].key, label.key) < 0) {
        at++;
    }
    if (at < labels->n && strcmp(labels->items[at].key, label.key) == 0) {
        return false;
    }
    memmove(&labels->items[at + 1], &labels->items[at], (labels->n - at) * sizeof labels->items[0]);
    labels->items[at] = label;
    labels->n++;
    return true;
}

bool value_read_labels(const struct arguments *args, struct oc_labels *out)
{
    struct oc_labels labels = {.n = 0};
    for (size_t i = 0; i < args->n_options; i++) {
        if (args->options[i].id == OPT_LABEL && !add_label(&labels, args->options[i].value)) {
            return false;
        }
    }
    *out = labels;
    return true;
}

bool value_read_count(const char *text, size_t *out)
{
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '1' || text[0] > '9' || *end != '\0' || strlen(text) > 18) {
        return false;
    }
    *out = (size_t)value;
    return true;
}
