/*
 * Reads gateway.yaml by libyaml's events; nothing else includes yaml.h.
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

#include <yaml.h>

#include "proto/base/cleanup.h"
#include "proto/files/file.h"
#include "server/config/config_keys.h"

enum {
    MAX_KEYS = 64, /* rows of the table that a set of seen keys has room for */
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    const char *name;
    const char *text;
    struct config *config;
    bool seen[MAX_KEYS];          /* by row of the table */
    bool seen_sections[MAX_KEYS]; /* by the section's first row */
    struct oc_error *err;
};

static void reader_deinit(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
}

/* ---- errors -------------------------------------------------------------------------------- */

static enum oc_status fail_at(struct reader *reader, yaml_mark_t mark, const char *path,
                              const char *what)
{
    return oc_fail(reader->err, OC_INVALID_ARGUMENT, "%s:%zu:%zu: %s%s%s", reader->name,
                   mark.line + 1, mark.column + 1, path, path[0] ? ": " : "", what);
}

static enum oc_status fail_here(struct reader *reader, const char *path, const char *what)
{
    return fail_at(reader, reader->event.start_mark, path, what);
}

/* Where a byte stands; columns count bytes here, since the line is no good UTF-8. */
static yaml_mark_t mark_of_byte(const struct reader *reader, size_t offset)
{
    yaml_mark_t mark = {.index = offset};
    for (size_t i = 0; i < offset; i++) {
        bool is_end = reader->text[i] == '\n';
        mark.line += is_end;
        mark.column = is_end ? 0 : mark.column + 1;
    }
    return mark;
}

/* libyaml's own complaint: its mark is where it stumbled. */
static enum oc_status fail_syntax(struct reader *reader)
{
    if (reader->parser.error == YAML_MEMORY_ERROR) {
        return oc_fail(reader->err, OC_RESOURCE_EXHAUSTED, "%s: out of memory", reader->name);
    }
    char what[160];
    const char *problem = reader->parser.problem ? reader->parser.problem : "not YAML";
    if (reader->parser.error == YAML_READER_ERROR) {
        (void)snprintf(what, sizeof what, "%s; the file must be UTF-8 text", problem);
        return fail_at(reader, mark_of_byte(reader, reader->parser.problem_offset), "", what);
    }
    (void)snprintf(what, sizeof what, "not YAML: %s", problem);
    return fail_at(reader, reader->parser.problem_mark, "", what);
}

/* ---- events -------------------------------------------------------------------------------- */

static const unsigned char *anchor_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor;
    default:
        return NULL;
    }
}

static const unsigned char *tag_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.tag;
    default:
        return NULL;
    }
}

static bool has_directive(const yaml_event_t *event)
{
    return event->type == YAML_DOCUMENT_START_EVENT &&
           (event->data.document_start.version_directive ||
            event->data.document_start.tag_directives.start !=
                event->data.document_start.tag_directives.end);
}

/* Moves to the next event, refusing what the whole file may not contain. */
static enum oc_status next_event(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        return fail_syntax(reader);
    }
    if (reader->event.type == YAML_ALIAS_EVENT) {
        return fail_here(reader, "", "an alias (*name); write the value out");
    }
    if (anchor_of(&reader->event)) {
        return fail_here(reader, "", "an anchor (&name); remove it and write values out");
    }
    if (tag_of(&reader->event)) {
        return fail_here(reader, "", "a tag (!name); remove it");
    }
    if (has_directive(&reader->event)) {
        return fail_here(reader, "", "a directive (%NAME); remove it");
    }
    return OC_OK;
}

static bool scalar_has_nul(const yaml_event_t *event)
{
    return strlen((const char *)event->data.scalar.value) != event->data.scalar.length;
}

/* ---- values -------------------------------------------------------------------------------- */

static enum oc_status set_scalar(struct reader *reader, const struct config_key *key)
{
    if (scalar_has_nul(&reader->event)) {
        return fail_here(reader, key->path, "contains a NUL character; remove it");
    }
    struct config_scalar scalar = {
        .text = (const char *)reader->event.data.scalar.value,
        .is_quoted = reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE,
    };
    bool is_null = !scalar.is_quoted && (!scalar.text[0] || !strcmp(scalar.text, "~") ||
                                         !strcasecmp(scalar.text, "null"));
    if (is_null) {
        return fail_here(reader, key->path, "has no value; give one or remove the key");
    }
    struct oc_error problem = {.status = OC_OK};
    if (key->set(reader->config, key, &scalar, &problem)) {
        return fail_here(reader, key->path, problem.text);
    }
    return OC_OK;
}

static enum oc_status read_list(struct reader *reader, const struct config_key *key)
{
    bool may_be_empty = key->shape == CONFIG_LIST;
    yaml_mark_t start = reader->event.start_mark;
    config_clear_list(reader->config, key);
    enum oc_status st = next_event(reader);
    size_t n = 0;
    for (; !st && reader->event.type == YAML_SCALAR_EVENT; n++) {
        st = set_scalar(reader, key);
        if (!st) {
            st = next_event(reader);
        }
    }
    if (st) {
        return st;
    }
    if (reader->event.type != YAML_SEQUENCE_END_EVENT) {
        return fail_here(reader, key->path, "an item must be plain text, not a list or a mapping");
    }
    if (n == 0 && !may_be_empty) {
        return fail_at(reader, start, key->path, "must name at least one; or remove the key");
    }
    return OC_OK;
}

static enum oc_status fail_shape(struct reader *reader, const struct config_key *key)
{
    static const char *const wanted[] = {
        [CONFIG_SCALAR] = "must be a single value",
        [CONFIG_LIST] = "must be a list",
        [CONFIG_SCALAR_OR_LIST] = "must be a single value or a list",
    };
    char what[160];
    (void)snprintf(what, sizeof what, "%s, as in %s: %s", wanted[key->shape], key->path,
                   key->example);
    return fail_here(reader, key->path, what);
}

static enum oc_status read_value(struct reader *reader, const struct config_key *key)
{
    if (reader->event.type == YAML_SEQUENCE_START_EVENT && key->shape != CONFIG_SCALAR) {
        return read_list(reader, key);
    }
    if (reader->event.type == YAML_SCALAR_EVENT && key->shape != CONFIG_LIST) {
        if (key->shape == CONFIG_SCALAR_OR_LIST) {
            config_clear_list(reader->config, key);
        }
        return set_scalar(reader, key);
    }
    return fail_shape(reader, key);
}

/* ---- keys ---------------------------------------------------------------------------------- */

static enum oc_status fail_unknown(struct reader *reader, const char *path)
{
    char what[CONFIG_MAX_TEXT_BYTES + 64];
    char closest[CONFIG_MAX_TEXT_BYTES + 1];
    if (config_find_key(path)) {
        return fail_here(reader, path, "no dots in keys; write the last part below its section");
    }
    if (config_closest_key(path, closest)) {
        (void)snprintf(what, sizeof what, "unknown key; did you mean %s?", closest);
    } else {
        (void)snprintf(what, sizeof what, "unknown key; remove it (example.yaml lists every key)");
    }
    return fail_here(reader, path, what);
}

/* Joins section and key into path; false if that is longer than any known key. */
static bool join_path(const char *section, const yaml_event_t *event,
                      char path[CONFIG_MAX_TEXT_BYTES + 1])
{
    int n = snprintf(path, CONFIG_MAX_TEXT_BYTES + 1, "%s%s%s", section, section[0] ? "." : "",
                     (const char *)event->data.scalar.value);
    return n >= 0 && n <= CONFIG_MAX_TEXT_BYTES && !scalar_has_nul(event);
}

/* Keys are plain ASCII; what is not does not go to a terminal with the error. */
static void mask_unprintable(char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

static enum oc_status read_key(struct reader *reader, const char *section);

/* The current event is the mapping's start; leaves at its end. */
static enum oc_status read_mapping(struct reader *reader, const char *section)
{
    enum oc_status st = next_event(reader);
    while (!st && reader->event.type != YAML_MAPPING_END_EVENT) {
        st = read_key(reader, section);
        if (!st) {
            st = next_event(reader);
        }
    }
    return st;
}

static enum oc_status read_section(struct reader *reader, const char *path)
{
    if (reader->event.type != YAML_MAPPING_START_EVENT) {
        return fail_here(reader, path, "must be a section: keys below it, indented");
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
        assert(row < config_n_keys && config_n_keys <= MAX_KEYS);
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
        return fail_here(reader, section, "a key must be plain text");
    }
    bool is_sound = join_path(section, &reader->event, path);
    mask_unprintable(path);
    bool is_section = is_sound && !section[0] && config_is_section(path);
    const struct config_key *key = is_sound ? config_find_key(path) : NULL;
    /* "listen.local: x" at the top would be a second spelling of one key. */
    bool is_known = is_section || (key && !strchr((char *)reader->event.data.scalar.value, '.'));
    if (!is_known) {
        return fail_unknown(reader, path);
    }
    if (!mark_seen(is_section ? reader->seen_sections : reader->seen, path)) {
        return fail_here(reader, path, "is given twice; remove one");
    }
    enum oc_status st = next_event(reader);
    if (st) {
        return st;
    }
    return is_section ? read_section(reader, path) : read_value(reader, key);
}

/* ---- the file ------------------------------------------------------------------------------ */

static enum oc_status read_document(struct reader *reader)
{
    enum oc_status st = next_event(reader);
    if (!st && reader->event.type != YAML_MAPPING_START_EVENT) {
        return fail_here(reader, "", "the file must hold keys, as in pairingRequired: true");
    }
    if (!st) {
        st = read_mapping(reader, "");
    }
    return st ? st : next_event(reader); /* the document's end */
}

static enum oc_status read_stream(struct reader *reader)
{
    enum oc_status st = next_event(reader); /* the stream's start */
    if (!st) {
        st = next_event(reader);
    }
    if (!st && reader->event.type == YAML_DOCUMENT_START_EVENT) {
        st = read_document(reader);
        if (!st) {
            st = next_event(reader);
        }
    }
    if (!st && reader->event.type != YAML_STREAM_END_EVENT) {
        return fail_here(reader, "", "a second document; one file holds one configuration");
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

/* Who may write the file may switch pairing off. */
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

enum oc_status config_load(const char *path, struct config *out, struct oc_error *err)
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
    size_t cap = CONFIG_MAX_FILE_BYTES + 1; /* one more shows that there is more */
    OC_CLEANUP(free_text) char *text = malloc(cap);
    if (!text) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "%s: out of memory", path);
    }
    ssize_t n = oc_file_read(fd, text, cap);
    if (n < 0) {
        return oc_fail(err, OC_UNAVAILABLE, "%s: %s", path, strerror(errno));
    }
    return config_parse(path, text, (size_t)n, out, err);
}
