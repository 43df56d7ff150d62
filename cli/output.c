/* Formats of what commands print; see output.h. */
#include "cli/output.h"

#include <string.h>

#include "cli/escape.h"

static const char *const format_names[] = {
    [OUTPUT_TABLE] = "table", [OUTPUT_WIDE] = "wide",     [OUTPUT_JSON] = "json",
    [OUTPUT_YAML] = "yaml",   [OUTPUT_NDJSON] = "ndjson", [OUTPUT_NAME] = "name",
};

bool output_format_parse(const char *text, enum output_format *out)
{
    for (size_t i = 0; i < sizeof format_names / sizeof format_names[0]; i++) {
        if (strcmp(text, format_names[i]) == 0) {
            *out = (enum output_format)i;
            return true;
        }
    }
    return false;
}

bool output_is_for_people(const struct output *output)
{
    return output->format == OUTPUT_TABLE || output->format == OUTPUT_WIDE;
}

static bool is_document(const struct output *output)
{
    return output->format == OUTPUT_JSON || output->format == OUTPUT_YAML;
}

static enum writer_format document_format(const struct output *output)
{
    return output->format == OUTPUT_YAML ? WRITER_YAML : WRITER_JSON;
}

static bool has_column(const struct output *output, const struct column *column)
{
    return !column->is_wide || output->format == OUTPUT_WIDE;
}

void listing_begin(struct listing *listing, const struct output *output,
                   const struct item_kind *kind)
{
    *listing = (struct listing){.output = output, .kind = kind};
    if (output->terminal->out_is_terminal && output->format != OUTPUT_WIDE) {
        listing->table.most_columns = output->terminal->columns;
    }
    if (is_document(output)) {
        listing->writer = writer_make(output->terminal->out, document_format(output));
        listing->writer.cli = output->cli;
        listing->writer.has_line_per_item = true;
        writer_begin_object(&listing->writer);
        writer_key(&listing->writer, "items");
        writer_begin_list(&listing->writer);
        return;
    }
    for (size_t i = 0; output_is_for_people(output) && i < kind->n_columns; i++) {
        if (has_column(output, &kind->columns[i])) {
            table_add_column(&listing->table, kind->columns[i].title, kind->columns[i].may_cut);
            table_widen_last(&listing->table, kind->least_widths ? kind->least_widths[i] : 0);
        }
    }
}

static void add_row(struct listing *listing, const void *item)
{
    for (size_t i = 0; i < listing->kind->n_columns; i++) {
        const struct column *column = &listing->kind->columns[i];
        if (has_column(listing->output, column)) {
            struct cell cell = {.text = ""};
            column->fill(listing->output, item, &cell);
            table_add_cell(&listing->table, &cell);
        }
    }
}

static void print_line(const struct output *output, const struct item_kind *kind, const void *item)
{
    if (output->format == OUTPUT_NAME) {
        char name[OUTPUT_NAME_BYTES] = "";
        kind->name(item, name);
        (void)fprintf(output->terminal->out, "%s\n", name);
        return;
    }
    struct writer line = writer_make(output->terminal->out, document_format(output));
    line.cli = output->cli;
    kind->write(&line, item);
    writer_end(&line);
}

void listing_add(struct listing *listing, const void *item)
{
    listing->n_items++;
    if (is_document(listing->output)) {
        listing->kind->write(&listing->writer, item);
    } else if (output_is_for_people(listing->output)) {
        add_row(listing, item);
    } else {
        print_line(listing->output, listing->kind, item);
    }
}

void listing_flush(struct listing *listing)
{
    table_print(&listing->table, listing->output->terminal->out, listing->output->has_colour);
}

void listing_abandon(struct listing *listing)
{
    table_deinit(&listing->table);
}

void listing_end(struct listing *listing, const char *next_cursor, uint64_t revision)
{
    if (is_document(listing->output)) {
        writer_end_list(&listing->writer);
        writer_key(&listing->writer, "next_cursor");
        writer_string(&listing->writer, next_cursor);
        writer_key(&listing->writer, "revision");
        writer_uint(&listing->writer, revision);
        writer_end_object(&listing->writer);
        writer_end(&listing->writer);
    }
    listing_flush(listing);
    table_deinit(&listing->table);
}

bool output_item(const struct output *output, const struct item_kind *kind, const void *item)
{
    if (output_is_for_people(output)) {
        return false;
    }
    print_line(output, kind, item);
    return true;
}

enum {
    FACT_INDENT = 13,
    LEAST_FACT_COLUMNS = 8,
};

void output_fact(FILE *out, const char *label, const char *text)
{
    if (text[0] != '\0') {
        (void)fprintf(out, "  %-10s %s\n", label, text);
    }
}

void output_fact_within(FILE *out, size_t columns, const char *label, const char *text)
{
    const size_t room =
        columns > FACT_INDENT + LEAST_FACT_COLUMNS ? columns - FACT_INDENT : LEAST_FACT_COLUMNS;
    if (columns == 0) {
        output_fact(out, label, text);
        return;
    }
    while (text[0] != '\0') {
        size_t n = escape_fitting(text, room);
        (void)fprintf(out, "  %-10s %.*s\n", label, (int)n, text);
        label = "";
        text += n;
    }
}

void output_format_time(const struct output *output, int64_t at_ms, char out[MOMENT_BYTES])
{
    out[0] = '\0';
    if (at_ms != 0 && output->terminal->out_is_terminal) {
        moment_format_age(at_ms, output->terminal->now_ms, out);
    } else if (at_ms != 0) {
        moment_format(at_ms, out);
    }
}
