/* JSON and YAML from one sequence of calls; see writer.h. */
#include "cli/writer.h"

#include <assert.h>
#include <inttypes.h>

#include "cli/escape.h"
#include "cli/moment.h"

struct writer writer_make(FILE *out, enum writer_format format)
{
    return (struct writer){.out = out, .format = format};
}

static enum escape_dialect dialect(const struct writer *writer)
{
    return writer->format == WRITER_JSON ? ESCAPE_JSON : ESCAPE_YAML;
}

static void indent(struct writer *writer)
{
    (void)fputc('\n', writer->out);
    for (unsigned i = 1; i < writer->depth; i++) {
        (void)fputs("  ", writer->out);
    }
}

static bool is_in_list(const struct writer *writer)
{
    return writer->depth > 0 && writer->open[writer->depth - 1].is_list;
}

/* What stands before an element of a list or a key of an object. */
static void begin_entry(struct writer *writer)
{
    size_t n = writer->open[writer->depth - 1].n++;
    if (writer->format == WRITER_JSON) {
        if (n > 0) {
            (void)fputc(',', writer->out);
        }
        if (writer->has_line_per_item && is_in_list(writer) && writer->depth == 2) {
            (void)fputc('\n', writer->out);
        }
        return;
    }
    /* In YAML the first key of an object that is a list's element stands behind the dash. */
    bool is_behind_dash = n == 0 && !is_in_list(writer) && writer->depth > 1 &&
                          writer->open[writer->depth - 2].is_list;
    bool is_first_of_all = n == 0 && writer->depth == 1;
    if (!is_behind_dash && !is_first_of_all) {
        indent(writer);
    }
    if (is_in_list(writer)) {
        (void)fputs("- ", writer->out);
    }
}

static void begin_value(struct writer *writer)
{
    if (is_in_list(writer)) {
        begin_entry(writer);
    }
}

/* A value on the line of its key, if it has one. */
static void begin_scalar(struct writer *writer)
{
    begin_value(writer);
    if (writer->format == WRITER_YAML && writer->depth > 0 && !is_in_list(writer)) {
        (void)fputc(' ', writer->out);
    }
}

static void begin(struct writer *writer, bool is_list)
{
    begin_value(writer);
    assert(writer->depth < WRITER_MAX_DEPTH);
    writer->open[writer->depth].is_list = is_list;
    writer->open[writer->depth].n = 0;
    writer->depth++;
    if (writer->format == WRITER_JSON) {
        (void)fputc(is_list ? '[' : '{', writer->out);
    }
}

static void end(struct writer *writer, bool is_list)
{
    assert(writer->depth > 0);
    size_t n = writer->open[writer->depth - 1].n;
    if (writer->format == WRITER_JSON) {
        if (writer->has_line_per_item && is_list && n > 0 && writer->depth == 2) {
            (void)fputc('\n', writer->out);
        }
        (void)fputc(is_list ? ']' : '}', writer->out);
    }
    writer->depth--;
    if (writer->format == WRITER_YAML && n == 0) {
        bool has_key = writer->depth > 0 && !is_in_list(writer);
        (void)fprintf(writer->out, "%s%s", has_key ? " " : "", is_list ? "[]" : "{}");
    }
}

void writer_begin_object(struct writer *writer)
{
    begin(writer, false);
}

void writer_end_object(struct writer *writer)
{
    end(writer, false);
}

void writer_begin_list(struct writer *writer)
{
    begin(writer, true);
}

void writer_end_list(struct writer *writer)
{
    end(writer, true);
}

void writer_key(struct writer *writer, const char *key)
{
    begin_entry(writer);
    if (writer->format == WRITER_JSON) {
        (void)fprintf(writer->out, "\"%s\":", key);
    } else {
        (void)fprintf(writer->out, "%s:", key);
    }
}

void writer_untrusted_key(struct writer *writer, const char *key)
{
    begin_entry(writer);
    escape_write_string(writer->out, key, dialect(writer));
    (void)fputc(':', writer->out);
}

void writer_null(struct writer *writer)
{
    begin_scalar(writer);
    (void)fputs("null", writer->out);
}

void writer_bool(struct writer *writer, bool value)
{
    begin_scalar(writer);
    (void)fputs(value ? "true" : "false", writer->out);
}

void writer_uint(struct writer *writer, uint64_t value)
{
    begin_scalar(writer);
    (void)fprintf(writer->out, "%" PRIu64, value);
}

void writer_string(struct writer *writer, const char *text)
{
    begin_scalar(writer);
    escape_write_string(writer->out, text, dialect(writer));
}

void writer_text_or_null(struct writer *writer, const char *key, const char *text)
{
    writer_key(writer, key);
    if (text[0] == '\0') {
        writer_null(writer);
    } else {
        writer_string(writer, text);
    }
}

void writer_time_or_null(struct writer *writer, const char *key, int64_t at_ms)
{
    char text[MOMENT_BYTES] = "";
    if (at_ms != 0) {
        moment_format(at_ms, text);
    }
    writer_text_or_null(writer, key, text);
}

void writer_end(struct writer *writer)
{
    assert(writer->depth == 0);
    (void)fputc('\n', writer->out);
}
