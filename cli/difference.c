/* See difference.h. */
#include "cli/difference.h"

#include <string.h>

#include "cli/escape.h"
#include "cli/output.h"

struct terms terms_of_request(const struct oc_device *device, const struct oc_labels *labels)
{
    return (struct terms){
        .grant = &device->asked,
        .name = device->claimed_name,
        .purpose = device->purpose,
        .labels = labels,
        .platform = device->platform,
        .version = device->version,
        .source = device->source,
    };
}

/* ---- sets ---------------------------------------------------------------------------------- */

static bool has_scope(const struct oc_grant *grant, const char *scope)
{
    for (size_t i = 0; i < grant->n_scopes; i++) {
        if (strcmp(grant->scopes[i], scope) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_label(const struct oc_labels *labels, const struct oc_label *label)
{
    for (size_t i = 0; i < labels->n; i++) {
        if (strcmp(labels->items[i].key, label->key) == 0 &&
            strcmp(labels->items[i].value, label->value) == 0) {
            return true;
        }
    }
    return false;
}

static size_t count_scopes_beyond(const struct oc_grant *of, const struct oc_grant *other)
{
    size_t n = 0;
    for (size_t i = 0; i < of->n_scopes; i++) {
        n += has_scope(other, of->scopes[i]) ? 0 : 1;
    }
    return n;
}

static size_t count_labels_beyond(const struct oc_labels *of, const struct oc_labels *other)
{
    size_t n = 0;
    for (size_t i = 0; i < of->n; i++) {
        n += has_label(other, &of->items[i]) ? 0 : 1;
    }
    return n;
}

static bool scopes_differ(const struct terms *was, const struct terms *is)
{
    return was->grant && is->grant &&
           count_scopes_beyond(was->grant, is->grant) + count_scopes_beyond(is->grant, was->grant) >
               0;
}

static bool labels_differ(const struct terms *was, const struct terms *is)
{
    return was->labels && is->labels &&
           count_labels_beyond(was->labels, is->labels) +
                   count_labels_beyond(is->labels, was->labels) >
               0;
}

/* ---- words --------------------------------------------------------------------------------- */

struct word {
    const char *label;
    const char *was;
    const char *is;
};

enum {
    WORDS = 6,
};

static void list_words(const struct terms *was, const struct terms *is, struct word out[WORDS])
{
    const bool has_grants = was->grant && is->grant;
    const struct word words[WORDS] = {
        {"role", has_grants ? was->grant->role : NULL, has_grants ? is->grant->role : NULL},
        {"name", was->name, is->name},
        {"purpose", was->purpose, is->purpose},
        {"platform", was->platform, is->platform},
        {"version", was->version, is->version},
        {"source", was->source, is->source},
    };
    memcpy(out, words, sizeof words);
}

static bool word_differs(const struct word *word)
{
    return word->was && word->is && strcmp(word->was, word->is) != 0;
}

bool difference_is_any(const struct terms *was, const struct terms *is)
{
    struct word words[WORDS];
    list_words(was, is, words);
    bool is_any = scopes_differ(was, is) || labels_differ(was, is);
    for (size_t i = 0; i < WORDS; i++) {
        is_any = is_any || word_differs(&words[i]);
    }
    return is_any;
}

/* ---- for people ---------------------------------------------------------------------------- */

/* The first line carries the label. */
struct lines {
    FILE *out;
    size_t columns;
    const char *label;
};

static void print_line(struct lines *lines, const char *text)
{
    output_fact_within(lines->out, lines->columns, lines->label, text);
    lines->label = "";
}

static void print_scopes(struct lines *lines, const struct oc_grant *of,
                         const struct oc_grant *other, char sign)
{
    for (size_t i = 0; i < of->n_scopes; i++) {
        char safe[ESCAPE_MOST * OC_MAX_SCOPE_BYTES + 1];
        char text[sizeof safe + 16];
        if (!has_scope(other, of->scopes[i])) {
            escape_for_terminal(of->scopes[i], safe, sizeof safe);
            (void)snprintf(text, sizeof text, "%c scope %s", sign, safe);
            print_line(lines, text);
        }
    }
}

static void print_labels(struct lines *lines, const struct oc_labels *of,
                         const struct oc_labels *other, char sign)
{
    for (size_t i = 0; i < of->n; i++) {
        char plain[sizeof of->items[i] + 2];
        char quoted[ESCAPE_MOST * sizeof plain + 3];
        char text[sizeof quoted + 16];
        if (!has_label(other, &of->items[i])) {
            (void)snprintf(plain, sizeof plain, "%s=%s", of->items[i].key, of->items[i].value);
            escape_quoted(plain, quoted, sizeof quoted);
            (void)snprintf(text, sizeof text, "%c label %s", sign, quoted);
            print_line(lines, text);
        }
    }
}

static void print_word(struct lines *lines, const struct word *word, const char *value, char sign)
{
    char quoted[CELL_BYTES];
    char text[sizeof quoted + 32];
    if (value[0] != '\0') {
        escape_quoted(value, quoted, sizeof quoted);
        (void)snprintf(text, sizeof text, "%c %s %s", sign, word->label, quoted);
        print_line(lines, text);
    }
}

void difference_print(FILE *out, size_t columns, const struct terms *was, const struct terms *is)
{
    struct lines lines = {.out = out, .columns = columns, .label = "changes"};
    struct word words[WORDS];
    list_words(was, is, words);
    for (size_t i = 0; i < WORDS; i++) {
        if (word_differs(&words[i])) {
            print_word(&lines, &words[i], words[i].was, '-');
            print_word(&lines, &words[i], words[i].is, '+');
        }
        if (i == 0 && was->grant && is->grant) {
            print_scopes(&lines, was->grant, is->grant, '-');
            print_scopes(&lines, is->grant, was->grant, '+');
        }
    }
    if (was->labels && is->labels) {
        print_labels(&lines, was->labels, is->labels, '-');
        print_labels(&lines, is->labels, was->labels, '+');
    }
}

/* ---- for programs -------------------------------------------------------------------------- */

static void write_scopes_beyond(struct writer *writer, const char *key, const struct oc_grant *of,
                                const struct oc_grant *other)
{
    writer_key(writer, key);
    writer_begin_list(writer);
    for (size_t i = 0; i < of->n_scopes; i++) {
        if (!has_scope(other, of->scopes[i])) {
            writer_string(writer, of->scopes[i]);
        }
    }
    writer_end_list(writer);
}

static void write_labels_beyond(struct writer *writer, const char *key, const struct oc_labels *of,
                                const struct oc_labels *other)
{
    writer_key(writer, key);
    writer_begin_object(writer);
    for (size_t i = 0; i < of->n; i++) {
        if (!has_label(other, &of->items[i])) {
            writer_untrusted_key(writer, of->items[i].key);
            writer_string(writer, of->items[i].value);
        }
    }
    writer_end_object(writer);
}

static void write_word(struct writer *writer, const struct word *word)
{
    writer_key(writer, word->label);
    if (!word_differs(word)) {
        writer_null(writer);
        return;
    }
    writer_begin_object(writer);
    writer_text_or_null(writer, "was", word->was);
    writer_text_or_null(writer, "is", word->is);
    writer_end_object(writer);
}

void difference_write(struct writer *writer, const struct terms *was, const struct terms *is)
{
    struct word words[WORDS];
    list_words(was, is, words);
    writer_begin_object(writer);
    for (size_t i = 0; i < WORDS; i++) {
        write_word(writer, &words[i]);
    }
    writer_key(writer, "scopes");
    if (scopes_differ(was, is)) {
        writer_begin_object(writer);
        write_scopes_beyond(writer, "added", is->grant, was->grant);
        write_scopes_beyond(writer, "removed", was->grant, is->grant);
        writer_end_object(writer);
    } else {
        writer_null(writer);
    }
    writer_key(writer, "labels");
    if (labels_differ(was, is)) {
        writer_begin_object(writer);
        write_labels_beyond(writer, "added", is->labels, was->labels);
        write_labels_beyond(writer, "removed", was->labels, is->labels);
        writer_end_object(writer);
    } else {
        writer_null(writer);
    }
    writer_end_object(writer);
}
