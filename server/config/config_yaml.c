/*
 * Reads gateway.yaml by libyaml's events: the file as a whole.
 *
 * Invariant: what is accepted is plain: one document, mappings and lists as the table of keys has
 * them, no key twice, no alias, anchor, tag or directive. Each error has line and column. Nesting
 * is bounded by the table, since nothing is entered that has no row: libyaml is quadratic in depth.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/files/file.h"
#include "server/config/config_reader.h"

static void reader_deinit(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
}

/* ---- values -------------------------------------------------------------------------------- */

static enum oc_status set_scalar(struct reader *reader, const struct config_key *key)
{
    struct config_scalar scalar;
    struct oc_error problem = {.status = OC_OK};
    enum oc_status st = reader_take_scalar(reader, key->path, &scalar);
    if (!st && key->set(reader->config, key, &scalar, &problem)) {
        return reader_fail_here(reader, key->path, problem.text);
    }
    return st;
}

static enum oc_status read_list(struct reader *reader, const struct config_key *key)
{
    bool may_be_empty = key->shape == CONFIG_LIST;
    yaml_mark_t start = reader->event.start_mark;
    config_clear_list(reader->config, key);
    enum oc_status st = reader_next_event(reader);
    size_t n = 0;
    for (; !st && reader->event.type == YAML_SCALAR_EVENT; n++) {
        st = set_scalar(reader, key);
        if (!st) {
            st = reader_next_event(reader);
        }
    }
    if (st) {
        return st;
    }
    if (reader->event.type != YAML_SEQUENCE_END_EVENT) {
        return reader_fail_here(reader, key->path,
                                "an item must be plain text, not a list or a mapping");
    }
    if (n == 0 && !may_be_empty) {
        return reader_fail_at(reader, start, key->path,
                              "must name at least one; or remove the key");
    }
    return OC_OK;
}

static enum oc_status read_value(struct reader *reader, const struct config_key *key)
{
    if (key->shape == CONFIG_TREE) {
        return reader_read_tree(reader, key);
    }
    if (reader->event.type == YAML_SEQUENCE_START_EVENT && key->shape != CONFIG_SCALAR) {
        return read_list(reader, key);
    }
    if (reader->event.type == YAML_SCALAR_EVENT && key->shape != CONFIG_LIST) {
        if (key->shape == CONFIG_SCALAR_OR_LIST) {
            config_clear_list(reader->config, key);
        }
        return set_scalar(reader, key);
    }
    return reader_fail_shape(reader, key);
}

/* ---- keys ---------------------------------------------------------------------------------- */

static enum oc_status fail_unknown(struct reader *reader, const char *path)
{
    char what[CONFIG_MAX_TEXT_BYTES + 64];
    char closest[CONFIG_MAX_TEXT_BYTES + 1];
    if (config_find_key(path)) {
        return reader_fail_here(reader, path,
                                "no dots in keys; write the last part below its section");
    }
    if (config_closest_key(path, closest)) {
        (void)snprintf(what, sizeof what, "unknown key; did you mean %s?", closest);
    } else {
        (void)snprintf(what, sizeof what, "unknown key; remove it (example.yaml lists every key)");
    }
    return reader_fail_here(reader, path, what);
}

/* Joins section and key into path; false if that is longer than any known key. */
static bool join_path(const char *section, const yaml_event_t *event,
                      char path[CONFIG_MAX_TEXT_BYTES + 1])
{
    int n = snprintf(path, CONFIG_MAX_TEXT_BYTES + 1, "%s%s%s", section, section[0] ? "." : "",
                     (const char *)event->data.scalar.value);
    return n >= 0 && n <= CONFIG_MAX_TEXT_BYTES && !reader_scalar_has_nul(event);
}

static enum oc_status read_key(struct reader *reader, const char *section);

/* The current event is the mapping's start; leaves at its end. */
static enum oc_status read_mapping(struct reader *reader, const char *section)
{
    enum oc_status st = reader_next_event(reader);
    while (!st && reader->event.type != YAML_MAPPING_END_EVENT) {
        st = read_key(reader, section);
        if (!st) {
            st = reader_next_event(reader);
        }
    }
    return st;
}

static enum oc_status read_section(struct reader *reader, const char *path)
{
    if (reader->event.type != YAML_MAPPING_START_EVENT) {
        return reader_fail_here(reader, path, "must be a section: keys below it, indented");
    }
    return read_mapping(reader, path);
}

/* The row of a key, or of a section's first key. */
static size_t row_of(const char *path)
{
    size_t n = strlen(path);
    size_t row = 0;
    while (strncmp(config_keys[row].path, path, n) != 0 ||
           (config_keys[row].path[n] != '\0' && config_keys[row].path[n] != '.')) {
        row++;
        assert(row < config_n_keys && config_n_keys <= READER_MAX_KEYS);
    }
    return row;
}

/* Marks it as seen; false if it was. */
static bool mark_seen(bool *seen, const char *path)
{
    size_t row = row_of(path);
    bool was_seen = seen[row];
    seen[row] = true;
    return !was_seen;
}

static enum oc_status read_key(struct reader *reader, const char *section)
{
    char path[CONFIG_MAX_TEXT_BYTES + 1];
    if (reader->event.type != YAML_SCALAR_EVENT) {
        return reader_fail_here(reader, section, "a key must be plain text");
    }
    bool is_sound = join_path(section, &reader->event, path);
    reader_mask_unprintable(path);
    bool is_section = is_sound && !section[0] && config_is_section(path);
    const struct config_key *key = is_sound ? config_find_key(path) : NULL;
    /* "listen.local: x" at the top would be a second spelling of one key. */
    bool is_known = is_section || (key && !strchr((char *)reader->event.data.scalar.value, '.'));
    if (!is_known) {
        return fail_unknown(reader, path);
    }
    if (!mark_seen(is_section ? reader->seen_sections : reader->seen, path)) {
        return reader_fail_here(reader, path, "is given twice; remove one");
    }
    enum oc_status st = reader_next_event(reader);
    if (st) {
        return st;
    }
    return is_section ? read_section(reader, path) : read_value(reader, key);
}

/* ---- the file ------------------------------------------------------------------------------ */

static enum oc_status read_document(struct reader *reader)
{
    enum oc_status st = reader_next_event(reader);
    if (!st && reader->event.type != YAML_MAPPING_START_EVENT) {
        return reader_fail_here(reader, "", "the file must hold keys, as in pairingRequired: true");
    }
    if (!st) {
        st = read_mapping(reader, "");
    }
    return st ? st : reader_next_event(reader); /* the document's end */
}

static enum oc_status read_stream(struct reader *reader)
{
    enum oc_status st = reader_next_event(reader); /* the stream's start */
    if (!st) {
        st = reader_next_event(reader);
    }
    if (!st && reader->event.type == YAML_DOCUMENT_START_EVENT) {
        st = read_document(reader);
        if (!st) {
            st = reader_next_event(reader);
        }
    }
    if (!st && reader->event.type != YAML_STREAM_END_EVENT) {
        return reader_fail_here(reader, "", "a second document; one file holds one configuration");
    }
    return st;
}

/* Caps that are not given follow from those that are: whoever waits holds a connection, too, and
 * who lowers only the cap over all sources means the default cap per source no higher. */
static void raise_default_cap(const struct reader *reader, const char *key, uint32_t *cap,
                              uint32_t least)
{
    if (!reader->seen[row_of(key)] && *cap < least) {
        *cap = least;
    }
}

static void lower_default_cap(const struct reader *reader, const char *key, uint32_t *cap,
                              uint32_t most)
{
    if (!reader->seen[row_of(key)] && *cap > most) {
        *cap = most;
    }
}

static void settle_default_caps(const struct reader *reader)
{
    struct config *config = reader->config;
    lower_default_cap(reader, "pairing.maxPendingPerSource",
                      &config->pairing.max_pending_per_source, config->pairing.max_pending);
    raise_default_cap(reader, "limits.maxUnapproved", &config->limits.max_unapproved,
                      config->pairing.max_pending);
    raise_default_cap(reader, "limits.maxUnapprovedPerSource",
                      &config->limits.max_unapproved_per_source,
                      config->pairing.max_pending_per_source);
    lower_default_cap(reader, "limits.maxUnapprovedPerSource",
                      &config->limits.max_unapproved_per_source, config->limits.max_unapproved);
    lower_default_cap(reader, "limits.maxUnfinishedPerSource",
                      &config->limits.max_unfinished_per_source, config->limits.max_unfinished);
    lower_default_cap(reader, "limits.maxArrivalsPerSource",
                      &config->limits.max_arrivals_per_source, config->limits.max_arrivals);
}

enum oc_status config_parse(const char *name, const char *text, size_t n, struct config *out,
                            struct oc_error *err)
{
    if (n > CONFIG_MAX_FILE_BYTES) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "%s: is over %d bytes, too large to be meant",
                       name, CONFIG_MAX_FILE_BYTES);
    }
    struct config config;
    config_defaults(&config);
    OC_CLEANUP(reader_deinit)
    struct reader reader = {.name = name, .text = text, .config = &config, .err = err};
    if (!yaml_parser_initialize(&reader.parser)) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "%s: out of memory", name);
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, n);
    enum oc_status st = read_stream(&reader);
    if (!st) {
        settle_default_caps(&reader);
        st = config_check(&config, name, err);
    }
    if (!st) {
        *out = config;
    }
    return st;
}

/* ---- the disk ------------------------------------------------------------------------------ */

/* Who may write the file may switch pairing off, or say who administrates. */
static enum oc_status check_file(int fd, const char *path, struct oc_error *err)
{
    struct stat facts;
    if (fstat(fd, &facts)) {
        return oc_fail(err, OC_UNAVAILABLE, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(facts.st_mode)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "%s: is not a regular file", path);
    }
    if (facts.st_uid != 0 && facts.st_uid != geteuid()) {
        return oc_fail(err, OC_PERMISSION_DENIED,
                       "%s: belongs to uid %u, wanted uid %u or root; run: chown %u %s", path,
                       facts.st_uid, geteuid(), geteuid(), path);
    }
    if (facts.st_mode & (S_IWGRP | S_IWOTH)) {
        return oc_fail(err, OC_PERMISSION_DENIED,
                       "%s: has mode %04o, others may write it; run: chmod go-w %s", path,
                       facts.st_mode & 07777U, path);
    }
    return OC_OK;
}

static void free_text(char **text)
{
    free(*text);
}

enum oc_status config_read_file(const char *path, size_t max, char **out, size_t *n,
                                struct oc_error *err)
{
    /* O_NONBLOCK: a FIFO in the file's place must not hang the start. */
    OC_CLEANUP(oc_file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        enum oc_status st = errno == ENOENT ? OC_NOT_FOUND : OC_UNAVAILABLE;
        return oc_fail(err, st, "%s: %s", path, strerror(errno));
    }
    enum oc_status st = check_file(fd, path, err);
    if (st) {
        return st;
    }
    OC_CLEANUP(free_text) char *text = malloc(max + 1); /* one more shows that there is more */
    if (!text) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "%s: out of memory", path);
    }
    ssize_t length = oc_file_read(fd, text, max + 1);
    if (length < 0) {
        return oc_fail(err, OC_UNAVAILABLE, "%s: %s", path, strerror(errno));
    }
    *n = (size_t)length;
    *out = OC_STEAL(text);
    return OC_OK;
}

enum oc_status config_load(const char *path, struct config *out, struct oc_error *err)
{
    OC_CLEANUP(free_text) char *text = NULL;
    size_t n = 0;
    enum oc_status st = config_read_file(path, CONFIG_MAX_FILE_BYTES, &text, &n, err);
    return st ? st : config_parse(path, text, n, out, err);
}
