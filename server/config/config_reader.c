/* See config_reader.h. */
#include "server/config/config_reader.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- errors -------------------------------------------------------------------------------- */

enum oc_status reader_fail_at(struct reader *reader, yaml_mark_t mark, const char *path,
                              const char *what)
{
    return oc_fail(reader->err, OC_INVALID_ARGUMENT, "%s:%zu:%zu: %s%s%s", reader->name,
                   mark.line + 1, mark.column + 1, path, path[0] ? ": " : "", what);
}

enum oc_status reader_fail_here(struct reader *reader, const char *path, const char *what)
{
    return reader_fail_at(reader, reader->event.start_mark, path, what);
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
        return reader_fail_at(reader, mark_of_byte(reader, reader->parser.problem_offset), "",
                              what);
    }
    (void)snprintf(what, sizeof what, "not YAML: %s", problem);
    return reader_fail_at(reader, reader->parser.problem_mark, "", what);
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
enum oc_status reader_next_event(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        return fail_syntax(reader);
    }
    if (reader->event.type == YAML_ALIAS_EVENT) {
        return reader_fail_here(reader, "", "an alias (*name); write the value out");
    }
    if (anchor_of(&reader->event)) {
        return reader_fail_here(reader, "", "an anchor (&name); remove it and write values out");
    }
    if (tag_of(&reader->event)) {
        return reader_fail_here(reader, "", "a tag (!name); remove it");
    }
    if (has_directive(&reader->event)) {
        return reader_fail_here(reader, "", "a directive (%NAME); remove it");
    }
    return OC_OK;
}

bool reader_scalar_has_nul(const yaml_event_t *event)
{
    return strlen((const char *)event->data.scalar.value) != event->data.scalar.length;
}

/* ---- values -------------------------------------------------------------------------------- */

enum oc_status reader_take_scalar(struct reader *reader, const char *path,
                                  struct config_scalar *out)
{
    if (reader_scalar_has_nul(&reader->event)) {
        return reader_fail_here(reader, path, "contains a NUL character; remove it");
    }
    const struct config_scalar scalar = {
        .text = (const char *)reader->event.data.scalar.value,
        .is_quoted = reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE,
    };
    bool is_null = !scalar.is_quoted && (!scalar.text[0] || !strcmp(scalar.text, "~") ||
                                         !strcasecmp(scalar.text, "null"));
    if (is_null) {
        return reader_fail_here(reader, path, "has no value; give one or remove the key");
    }
    *out = scalar;
    return OC_OK;
}

enum oc_status reader_fail_shape(struct reader *reader, const struct config_key *key)
{
    static const char *const wanted[] = {
        [CONFIG_SCALAR] = "must be a single value",
        [CONFIG_LIST] = "must be a list",
        [CONFIG_SCALAR_OR_LIST] = "must be a single value or a list",
        [CONFIG_TREE] = "must hold mappings",
    };
    char what[160];
    (void)snprintf(what, sizeof what, "%s, as in %s: %s", wanted[key->shape], key->path,
                   key->example);
    return reader_fail_here(reader, key->path, what);
}

void reader_mask_unprintable(char *text)
{
    for (; *text; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}
