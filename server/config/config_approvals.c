/* Owns the rules of `approvals`: which fields they have, and what makes one whole. */
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"
#include "server/config/config_keys.h"

static struct approval_rule *last_of(struct config *config)
{
    return &config->approvals.items[config->approvals.n - 1];
}

static void start(struct config *config)
{
    memset(&config->approvals, 0, sizeof config->approvals);
}

static enum oc_status begin(struct config *config, const char *name, struct oc_error *err)
{
    (void)name;
    if (config->approvals.n == APPROVAL_RULES) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "may list at most %d rules", APPROVAL_RULES);
    }
    config->approvals.items[config->approvals.n++] =
        (struct approval_rule){.votes_expire_ms = APPROVAL_VOTES_EXPIRE_MS};
    return OC_OK;
}

static enum oc_status end(struct config *config, struct oc_error *err)
{
    const struct approval_rule *rule = last_of(config);
    const char *what = rule->of == APPROVAL_OF_NOTHING ? "a rule needs a role, a scope or a label"
                       : rule->need == 0               ? "a rule needs need: how many must agree"
                                                       : NULL;
    return what ? oc_fail(err, OC_INVALID_ARGUMENT, "%s, as in {role: admin, need: 2}", what)
                : OC_OK;
}

/* What is compared is what devices ask for and administrators give, so it is spelled as on the
 * wire: a rule that could match nothing would protect nothing. */
static bool is_spelled(const char *text, size_t n, const char *allowed, size_t most)
{
    return n > 0 && n <= most && strspn(text, allowed) >= n;
}

static enum oc_status set_subject(struct config *config, enum approval_subject of, const char *text,
                                  size_t n, struct oc_error *err)
{
    struct approval_rule *rule = last_of(config);
    if (rule->of != APPROVAL_OF_NOTHING) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "a rule is for one role, one scope or one label; write another rule");
    }
    rule->of = of;
    memcpy(rule->text, text, n);
    return OC_OK;
}

static enum oc_status set_role(struct config *config, const char *word,
                               const struct config_scalar *scalar, struct oc_error *err)
{
    const size_t n = strlen(scalar->text);
    (void)word;
    if (!is_spelled(scalar->text, n, "abcdefghijklmnopqrstuvwxyz0123456789._-",
                    OC_MAX_ROLE_BYTES)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "must be a role: a-z 0-9 . _ -, at most %d",
                       OC_MAX_ROLE_BYTES);
    }
    return set_subject(config, APPROVAL_OF_ROLE, scalar->text, n, err);
}

static enum oc_status set_scope(struct config *config, const char *word,
                                const struct config_scalar *scalar, struct oc_error *err)
{
    const size_t n = strlen(scalar->text);
    (void)word;
    if (!is_spelled(scalar->text, n, "abcdefghijklmnopqrstuvwxyz0123456789._:/-",
                    OC_MAX_SCOPE_BYTES)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "must be a scope: a-z 0-9 . _ : / -, at most %d",
                       OC_MAX_SCOPE_BYTES);
    }
    return set_subject(config, APPROVAL_OF_SCOPE, scalar->text, n, err);
}

static enum oc_status set_label(struct config *config, const char *word,
                                const struct config_scalar *scalar, struct oc_error *err)
{
    const char *equals = strchr(scalar->text, '=');
    const size_t n_key = equals ? (size_t)(equals - scalar->text) : 0;
    const size_t n = equals ? strlen(equals + 1) : 0;
    (void)word;
    if (!equals || n > OC_MAX_LABEL_VALUE_BYTES ||
        !oc_utf8_is_text((const uint8_t *)equals + 1, n) ||
        !is_spelled(scalar->text, n_key, "abcdefghijklmnopqrstuvwxyz0123456789._/-",
                    OC_MAX_LABEL_KEY_BYTES)) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "must be KEY=VALUE, as in label: env=prod: a key of a-z 0-9 . _ / -, at "
                       "most %d, and a value of at most %d bytes",
                       OC_MAX_LABEL_KEY_BYTES, OC_MAX_LABEL_VALUE_BYTES);
    }
    const enum oc_status st = set_subject(config, APPROVAL_OF_LABEL, scalar->text, n_key, err);
    if (!st) {
        memcpy(last_of(config)->value, equals + 1, n);
    }
    return st;
}

static size_t place_of(struct config *config, void *field)
{
    return (size_t)((char *)field - (char *)config);
}

static enum oc_status set_need(struct config *config, const char *word,
                               const struct config_scalar *scalar, struct oc_error *err)
{
    const struct config_key key = {.path = "need",
                                   .offset = place_of(config, &last_of(config)->need),
                                   .min = APPROVAL_NEED_LEAST,
                                   .max = APPROVAL_NEED_MOST,
                                   .example = "2"};
    (void)word;
    return config_set_count(config, &key, scalar, err);
}

static enum oc_status set_votes_expire(struct config *config, const char *word,
                                       const struct config_scalar *scalar, struct oc_error *err)
{
    const struct config_key key = {.path = "votesExpire",
                                   .offset = place_of(config, &last_of(config)->votes_expire_ms),
                                   .min = APPROVAL_VOTES_EXPIRE_LEAST_MS,
                                   .max = APPROVAL_VOTES_EXPIRE_MOST_MS,
                                   .example = "1h"};
    (void)word;
    return config_set_duration(config, &key, scalar, err);
}

static const struct config_field fields[] = {
    {"role", CONFIG_FIELD_SCALAR, set_role, "admin"},
    {"scope", CONFIG_FIELD_SCALAR, set_scope, "deploy"},
    {"label", CONFIG_FIELD_SCALAR, set_label, "env=prod"},
    {"need", CONFIG_FIELD_SCALAR, set_need, "2"},
    {"votesExpire", CONFIG_FIELD_SCALAR, set_votes_expire, "1h"},
};

_Static_assert(OC_ARRAY_LENGTH(fields) <= CONFIG_MAX_FIELDS, "room for every field");

const struct config_tree config_approvals_tree = {
    .is_list = true,
    .fields = fields,
    .n_fields = OC_ARRAY_LENGTH(fields),
    .start = start,
    .begin = begin,
    .end = end,
};
