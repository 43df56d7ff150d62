/*
 * Reads the keys below which whole mappings stand, as config_tree_of has them. Nothing is entered
 * that has no field, no name and no field comes twice, and each error says where it is.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "server/config/config_reader.h"

/* Joins two parts of a path; false if that is longer than any that is meant. The second part is
 * what somebody wrote: what is not plain ASCII does not go to a terminal with the error. */
static bool join_parts(const char *parent, const char *part, char path[CONFIG_MAX_TEXT_BYTES + 1])
{
    const int n = snprintf(path, CONFIG_MAX_TEXT_BYTES + 1, "%s.%s", parent, part);
    reader_mask_unprintable(path);
    return n >= 0 && n <= CONFIG_MAX_TEXT_BYTES;
}

/* The current event as a key, which becomes the last part of the path; leaves at it. */
static enum oc_status take_key(struct reader *reader, const char *parent,
                               char path[CONFIG_MAX_TEXT_BYTES + 1])
{
    if (reader->event.type != YAML_SCALAR_EVENT) {
        return reader_fail_here(reader, parent, "a key must be plain text");
    }
    if (reader_scalar_has_nul(&reader->event) ||
        !join_parts(parent, (const char *)reader->event.data.scalar.value, path)) {
        return reader_fail_here(reader, parent, "a key that is too long, or holds a NUL; mend it");
    }
    return OC_OK;
}

static enum oc_status fail_field_shape(struct reader *reader, const struct config_field *field,
                                       const char *path)
{
    static const char *const wanted[] = {
        [CONFIG_FIELD_SCALAR] = "must be a single value",
        [CONFIG_FIELD_LIST] = "must be a list",
        [CONFIG_FIELD_WORDS] = "must be a mapping of texts",
    };
    char what[160];
    (void)snprintf(what, sizeof what, "%s, as in %s: %s", wanted[field->shape], field->name,
                   field->example);
    return reader_fail_here(reader, path, what);
}

static enum oc_status set_field(struct reader *reader, const struct config_field *field,
                                const char *path, const char *word)
{
    struct config_scalar scalar;
    struct oc_error problem = {.status = OC_OK};
    if (reader->event.type != YAML_SCALAR_EVENT) {
        return fail_field_shape(reader, field, path);
    }
    enum oc_status st = reader_take_scalar(reader, path, &scalar);
    if (!st && field->set(reader->config, word, &scalar, &problem)) {
        return reader_fail_here(reader, path, problem.text);
    }
    return st;
}

static enum oc_status read_items(struct reader *reader, const struct config_field *field,
                                 const char *path)
{
    enum oc_status st = reader_next_event(reader);
    while (!st && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        st = set_field(reader, field, path, NULL);
        if (!st) {
            st = reader_next_event(reader);
        }
    }
    return st;
}

static enum oc_status read_words(struct reader *reader, const struct config_field *field,
                                 const char *parent)
{
    char path[CONFIG_MAX_TEXT_BYTES + 1];
    enum oc_status st = reader_next_event(reader);
    while (!st && reader->event.type != YAML_MAPPING_END_EVENT) {
        st = take_key(reader, parent, path);
        char word[CONFIG_MAX_TEXT_BYTES + 1] = "";
        if (!st) {
            (void)snprintf(word, sizeof word, "%s", (char *)reader->event.data.scalar.value);
            st = reader_next_event(reader);
        }
        if (!st) {
            st = set_field(reader, field, path, word);
        }
        if (!st) {
            st = reader_next_event(reader);
        }
    }
    return st;
}

static enum oc_status read_field_value(struct reader *reader, const struct config_field *field,
                                       const char *path)
{
    if (field->shape == CONFIG_FIELD_LIST && reader->event.type == YAML_SEQUENCE_START_EVENT) {
        return read_items(reader, field, path);
    }
    if (field->shape == CONFIG_FIELD_WORDS && reader->event.type == YAML_MAPPING_START_EVENT) {
        return read_words(reader, field, path);
    }
    if (field->shape == CONFIG_FIELD_SCALAR) {
        return set_field(reader, field, path, NULL);
    }
    return fail_field_shape(reader, field, path);
}

static enum oc_status fail_unknown_field(struct reader *reader, const struct config_tree *tree,
                                         const char *path)
{
    char what[CONFIG_MAX_TEXT_BYTES + 1] = "unknown key; known here are";
    for (size_t i = 0; i < tree->n_fields; i++) {
        const size_t n = strlen(what);
        (void)snprintf(what + n, sizeof what - n, "%s %s", i > 0 ? "," : "", tree->fields[i].name);
    }
    return reader_fail_here(reader, path, what);
}

/* The current event is the key; `seen` has a place for each field. */
static enum oc_status read_field(struct reader *reader, const struct config_tree *tree,
                                 const char *parent, bool seen[CONFIG_MAX_FIELDS])
{
    char path[CONFIG_MAX_TEXT_BYTES + 1];
    enum oc_status st = take_key(reader, parent, path);
    if (st) {
        return st;
    }
    size_t i = 0;
    while (i < tree->n_fields &&
           strcmp(tree->fields[i].name, (const char *)reader->event.data.scalar.value) != 0) {
        i++;
    }
    if (i == tree->n_fields) {
        return fail_unknown_field(reader, tree, path);
    }
    assert(i < CONFIG_MAX_FIELDS);
    if (seen[i]) {
        return reader_fail_here(reader, path, "is given twice; remove one");
    }
    seen[i] = true;
    st = reader_next_event(reader);
    return st ? st : read_field_value(reader, &tree->fields[i], path);
}

/* The current event is the mapping's start; leaves at its end. */
static enum oc_status read_fields(struct reader *reader, const struct config_tree *tree,
                                  const char *path)
{
    const yaml_mark_t start = reader->event.start_mark;
    bool seen[CONFIG_MAX_FIELDS] = {false};
    struct oc_error problem = {.status = OC_OK};
    if (reader->event.type != YAML_MAPPING_START_EVENT) {
        return reader_fail_here(reader, path, "must be a mapping, as in {key: value}");
    }
    enum oc_status st = reader_next_event(reader);
    while (!st && reader->event.type != YAML_MAPPING_END_EVENT) {
        st = read_field(reader, tree, path, seen);
        if (!st) {
            st = reader_next_event(reader);
        }
    }
    if (!st && tree->end && tree->end(reader->config, &problem)) {
        return reader_fail_at(reader, start, path, problem.text);
    }
    return st;
}

/* One NAME: {...}; the current event is the name. */
static enum oc_status read_named(struct reader *reader, const struct config_tree *tree,
                                 const char *parent)
{
    char path[CONFIG_MAX_TEXT_BYTES + 1];
    struct oc_error problem = {.status = OC_OK};
    enum oc_status st = take_key(reader, parent, path);
    if (!st &&
        tree->begin(reader->config, (const char *)reader->event.data.scalar.value, &problem)) {
        return reader_fail_here(reader, path, problem.text);
    }
    if (!st) {
        st = reader_next_event(reader);
    }
    return st ? st : read_fields(reader, tree, path);
}

static enum oc_status read_unnamed(struct reader *reader, const struct config_tree *tree,
                                   const char *path)
{
    struct oc_error problem = {.status = OC_OK};
    if (tree->begin(reader->config, NULL, &problem)) {
        return reader_fail_here(reader, path, problem.text);
    }
    return read_fields(reader, tree, path);
}

enum oc_status reader_read_tree(struct reader *reader, const struct config_key *key)
{
    const struct config_tree *tree = config_tree_of(key);
    const yaml_event_type_t start =
        tree->is_list ? YAML_SEQUENCE_START_EVENT : YAML_MAPPING_START_EVENT;
    const yaml_event_type_t end = tree->is_list ? YAML_SEQUENCE_END_EVENT : YAML_MAPPING_END_EVENT;
    if (reader->event.type != start) {
        return reader_fail_shape(reader, key);
    }
    tree->start(reader->config);
    enum oc_status st = reader_next_event(reader);
    while (!st && reader->event.type != end) {
        st = tree->is_list ? read_unnamed(reader, tree, key->path)
                           : read_named(reader, tree, key->path);
        if (!st) {
            st = reader_next_event(reader);
        }
    }
    return st;
}
