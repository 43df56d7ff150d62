/* Owns the keys below which whole mappings stand: what their fields may be and where they go. */
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"
#include "server/config/config_keys.h"

/* ---- words --------------------------------------------------------------------------------- */

static bool is_made_of(const char *text, const char *allowed, size_t max)
{
    const size_t n = strspn(text, allowed);
    return n > 0 && n <= max && text[n] == '\0';
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* As what administrators are called. */
static bool is_name(const char *text)
{
    return text[0] >= 'a' && text[0] <= 'z' &&
           is_made_of(text, LOWER DIGITS "._-", BOUND_NAME_BYTES);
}

static bool is_label_value(const char *text)
{
    const size_t n = strlen(text);
    bool is_sound = n <= OC_MAX_LABEL_VALUE_BYTES && oc_utf8_is_text((const uint8_t *)text, n);
    for (size_t i = 0; i < n && is_sound; i++) {
        is_sound = (unsigned char)text[i] >= ' ' && text[i] != 0x7f;
    }
    return is_sound;
}

/* ---- admin.bounds -------------------------------------------------------------------------- */

static struct bound *last_bound(struct config *config)
{
    return &config->admin.bounds.items[config->admin.bounds.n - 1];
}

static void start_bounds(struct config *config)
{
    memset(&config->admin.bounds, 0, sizeof config->admin.bounds);
    config->admin.bounds.are_given = true;
}

static enum oc_status begin_bound(struct config *config, const char *name, struct oc_error *err)
{
    struct bounds *bounds = &config->admin.bounds;
    if (!is_name(name)) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "must be an administrator's name or default: a-z, then a-z 0-9 . _ -, at "
                       "most %d",
                       BOUND_NAME_BYTES);
    }
    for (size_t i = 0; i < bounds->n; i++) {
        if (strcmp(bounds->items[i].name, name) == 0) {
            return oc_fail(err, OC_INVALID_ARGUMENT, "is given twice; remove one");
        }
    }
    if (bounds->n == BOUNDS_MAX) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "at most %d bounds; let some share default",
                       BOUNDS_MAX);
    }
    memcpy(bounds->items[bounds->n++].name, name, strlen(name) + 1);
    return OC_OK;
}

/* "*" is every word; patterns there are none. */
static bool is_any(const struct config_scalar *scalar)
{
    return strcmp(scalar->text, "*") == 0;
}

static enum oc_status add_bound_role(struct config *config, const char *word,
                                     const struct config_scalar *scalar, struct oc_error *err)
{
    struct bound *bound = last_bound(config);
    (void)word;
    if (is_any(scalar)) {
        bound->has_any_role = true;
        return OC_OK;
    }
    if (!is_made_of(scalar->text, LOWER DIGITS "._-", OC_MAX_ROLE_BYTES) || scalar->text[0] < 'a') {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "must be whole roles: a-z, then a-z 0-9 . _ -, at most %d; or \"*\" for "
                       "every role",
                       OC_MAX_ROLE_BYTES);
    }
    if (bound->n_roles == BOUND_MAX_ROLES) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "may list at most %d roles", BOUND_MAX_ROLES);
    }
    memcpy(bound->roles[bound->n_roles++], scalar->text, strlen(scalar->text) + 1);
    return OC_OK;
}

static enum oc_status add_bound_scope(struct config *config, const char *word,
                                      const struct config_scalar *scalar, struct oc_error *err)
{
    struct bound *bound = last_bound(config);
    (void)word;
    if (is_any(scalar)) {
        bound->has_any_scope = true;
        return OC_OK;
    }
    if (!is_made_of(scalar->text, LOWER DIGITS "._:/-", OC_MAX_SCOPE_BYTES)) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "must be whole scopes: a-z 0-9 . _ : / -, at most %d; or \"*\" for every "
                       "scope",
                       OC_MAX_SCOPE_BYTES);
    }
    if (bound->n_scopes == OC_MAX_SCOPES) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "may list at most %d scopes", OC_MAX_SCOPES);
    }
    memcpy(bound->scopes[bound->n_scopes++], scalar->text, strlen(scalar->text) + 1);
    return OC_OK;
}

static enum oc_status add_bound_label(struct config *config, const char *word,
                                      const struct config_scalar *scalar, struct oc_error *err)
{
    struct oc_labels *labels = &last_bound(config)->labels;
    if (!is_made_of(word, LOWER DIGITS "._/-", OC_MAX_LABEL_KEY_BYTES) ||
        !is_label_value(scalar->text)) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "must be a label: a key of a-z 0-9 . _ / -, at most %d, and a value of at "
                       "most %d bytes",
                       OC_MAX_LABEL_KEY_BYTES, OC_MAX_LABEL_VALUE_BYTES);
    }
    for (size_t i = 0; i < labels->n; i++) {
        if (strcmp(labels->items[i].key, word) == 0) {
            return oc_fail(err, OC_INVALID_ARGUMENT, "is given twice; remove one");
        }
    }
    if (labels->n == OC_MAX_LABELS) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "at most %d labels", OC_MAX_LABELS);
    }
    struct oc_label *label = &labels->items[labels->n++];
    memcpy(label->key, word, strlen(word) + 1);
    memcpy(label->value, scalar->text, strlen(scalar->text) + 1);
    return OC_OK;
}

static const struct config_field bound_fields[] = {
    {"roles", CONFIG_FIELD_LIST, add_bound_role, "[agent]"},
    {"scopes", CONFIG_FIELD_LIST, add_bound_scope, "[chat]"},
    {"labels", CONFIG_FIELD_WORDS, add_bound_label, "{site: berlin}"},
};

/* ---- admin.map ----------------------------------------------------------------------------- */

static struct administrator_mapping *last_mapping(struct config *config)
{
    return &config->admin.map.items[config->admin.map.n - 1];
}

static void start_map(struct config *config)
{
    memset(&config->admin.map, 0, sizeof config->admin.map);
}

static enum oc_status begin_mapping(struct config *config, const char *name, struct oc_error *err)
{
    (void)name;
    if (config->admin.map.n == ADMINISTRATOR_MAP_MAX) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "at most %d names", ADMINISTRATOR_MAP_MAX);
    }
    config->admin.map.n++;
    return OC_OK;
}

/* A URI as those that certificates may have here, and stars behind its scheme. */
static enum oc_status set_san(struct config *config, const char *word,
                              const struct config_scalar *scalar, struct oc_error *err)
{
    static const char scheme[] = LOWER UPPER DIGITS "+-.";
    static const char rest[] = LOWER UPPER DIGITS "-._~:/?#@!$&()+,;=%*";
    const size_t n_scheme = strspn(scalar->text, scheme);
    const size_t n = strlen(scalar->text);
    (void)word;
    if (n > ADMINISTRATOR_NAME_BYTES || strcspn(scalar->text, DIGITS "+-.") == 0 || n_scheme == 0 ||
        scalar->text[n_scheme] != ':' || n < n_scheme + 2 ||
        strspn(scalar->text + n_scheme, rest) != n - n_scheme) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "must be a URI of at most %d plain characters, in which * stands for all "
                       "but /, as in spiffe://example.org/ops/*",
                       ADMINISTRATOR_NAME_BYTES);
    }
    memcpy(last_mapping(config)->san, scalar->text, n + 1);
    return OC_OK;
}

static enum oc_status set_mapped_role(struct config *config, const char *word,
                                      const struct config_scalar *scalar, struct oc_error *err)
{
    static const struct {
        const char *name;
        enum administrator_role role;
    } roles[] = {{"viewer", ADMINISTRATOR_VIEWER},
                 {"approver", ADMINISTRATOR_APPROVER},
                 {"admin", ADMINISTRATOR_ADMIN}};
    (void)word;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(roles); i++) {
        if (strcmp(scalar->text, roles[i].name) == 0) {
            last_mapping(config)->role = roles[i].role;
            return OC_OK;
        }
    }
    return oc_fail(err, OC_INVALID_ARGUMENT, "must be viewer, approver or admin");
}

static enum oc_status set_mapped_bound(struct config *config, const char *word,
                                       const struct config_scalar *scalar, struct oc_error *err)
{
    (void)word;
    if (!is_name(scalar->text)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "must be a name in admin.bounds");
    }
    memcpy(last_mapping(config)->bound, scalar->text, strlen(scalar->text) + 1);
    return OC_OK;
}

/* An approver has a bound that is written out, however wide. */
static enum oc_status end_mapping(struct config *config, struct oc_error *err)
{
    const struct administrator_mapping *mapping = last_mapping(config);
    const bool is_approver = mapping->role == ADMINISTRATOR_APPROVER;
    if (mapping->san[0] == '\0' || mapping->role == ADMINISTRATOR_NOBODY) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "needs san and role");
    }
    if (is_approver && mapping->bound[0] == '\0') {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "needs bound: a name in admin.bounds, for its role is approver");
    }
    if (!is_approver && mapping->bound[0] != '\0') {
        return oc_fail(err, OC_INVALID_ARGUMENT, "bound is of the role approver alone; remove it");
    }
    return OC_OK;
}

static const struct config_field map_fields[] = {
    {"san", CONFIG_FIELD_SCALAR, set_san, "spiffe://example.org/ops/*"},
    {"role", CONFIG_FIELD_SCALAR, set_mapped_role, "viewer"},
    {"bound", CONFIG_FIELD_SCALAR, set_mapped_bound, "default"},
};

/* ---- all of them --------------------------------------------------------------------------- */

static const struct config_tree bounds_tree = {
    .fields = bound_fields,
    .n_fields = OC_ARRAY_LENGTH(bound_fields),
    .start = start_bounds,
    .begin = begin_bound,
};

static const struct config_tree map_tree = {
    .is_list = true,
    .fields = map_fields,
    .n_fields = OC_ARRAY_LENGTH(map_fields),
    .start = start_map,
    .begin = begin_mapping,
    .end = end_mapping,
};

static const struct {
    const char *path;
    const struct config_tree *tree;
} trees[] = {
    {"admin.bounds", &bounds_tree},
    {"admin.map", &map_tree},
    {"approvals", &config_approvals_tree},
};

_Static_assert(OC_ARRAY_LENGTH(bound_fields) <= CONFIG_MAX_FIELDS, "room for every field");
_Static_assert(OC_ARRAY_LENGTH(map_fields) <= CONFIG_MAX_FIELDS, "room for every field");

const struct config_tree *config_tree_of(const struct config_key *key)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(trees); i++) {
        if (strcmp(trees[i].path, key->path) == 0) {
            return trees[i].tree;
        }
    }
    return NULL;
}
