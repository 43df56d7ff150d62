/*
 * The table of keys: where each value goes, what it may be, and how text becomes it. Pure.
 */
#pragma once

#include "server/config/config.h"

struct config_key;

/* A scalar as written. */
struct config_scalar {
    const char *text; /* NUL-terminated */
    bool is_quoted;   /* "5" is a text and no number */
};

/* Fails: INVALID_ARGUMENT, with what is wrong and the fix, without the position. */
typedef enum oc_status (*config_set_fn)(struct config *config, const struct config_key *key,
                                        const struct config_scalar *scalar, struct oc_error *err);

enum config_shape {
    CONFIG_SCALAR,
    CONFIG_LIST,
    CONFIG_SCALAR_OR_LIST,
    CONFIG_TREE, /* mappings below it: see config_tree_of */
};

struct config_key {
    const char *path; /* "pairing.pendingTtl" */
    enum config_shape shape;
    config_set_fn set;   /* of a list: appends; of a tree: NULL */
    size_t offset;       /* of the value in struct config */
    int64_t min, max;    /* where the value is a number; durations in ms */
    const char *example; /* of a value, as an error shows it */
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

/* The key of that path, or NULL. */
const struct config_key *config_find_key(const char *path);

/* Whether some key's path begins with "path.". */
bool config_is_section(const char *path);

/* The path of the known key (or section) that was most likely meant, or NULL. */
const char *config_closest_key(const char *path, char out[CONFIG_MAX_TEXT_BYTES + 1]);

/* Values of a key, for fields that have no row. */
enum oc_status config_set_count(struct config *config, const struct config_key *key,
                                const struct config_scalar *scalar, struct oc_error *err);
enum oc_status config_set_duration(struct config *config, const struct config_key *key,
                                   const struct config_scalar *scalar, struct oc_error *err);

/* Empties a list before its items are set. */
void config_clear_list(struct config *config, const struct config_key *key);

/* ---- trees: keys below which whole mappings stand ------------------------------------------- */

enum config_field_shape {
    CONFIG_FIELD_SCALAR,
    CONFIG_FIELD_LIST,
    CONFIG_FIELD_WORDS, /* a mapping of texts to texts */
};

/* One key of such a mapping. */
struct config_field {
    const char *name;
    enum config_field_shape shape;
    /* Once per scalar, of the mapping begun last; `word` is the key of WORDS, else NULL. Fails:
     * INVALID_ARGUMENT, as config_set_fn. */
    enum oc_status (*set)(struct config *config, const char *word,
                          const struct config_scalar *scalar, struct oc_error *err);
    const char *example;
};

enum {
    CONFIG_MAX_FIELDS = 8,
};

/* NAME: {...} each, or a list of {...}. */
struct config_tree {
    bool is_list;
    const struct config_field *fields;
    size_t n_fields; /* at most CONFIG_MAX_FIELDS */
    /* The key is there: what it holds so far is forgotten. */
    void (*start)(struct config *config);
    /* One more mapping; `name` is NULL in a list. Fails: INVALID_ARGUMENT. */
    enum oc_status (*begin)(struct config *config, const char *name, struct oc_error *err);
    /* It is whole: what must be there, is it? NULL: nothing must. Fails: INVALID_ARGUMENT. */
    enum oc_status (*end)(struct config *config, struct oc_error *err);
};

/* Of `approvals`: config_approvals.c. */
extern const struct config_tree config_approvals_tree;

/* NULL for a key of another shape. */
const struct config_tree *config_tree_of(const struct config_key *key);
