/* Text in columns; see table.h. */
#include "cli/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/escape.h"
#include "cli/memory.h"

enum {
    LEAST_COLUMNS = 8, /* a column is not cut below this */
};

void table_add_column(struct table *table, const char *title, bool may_cut)
{
    assert(table->n_columns < TABLE_MAX_COLUMNS);
    table->titles[table->n_columns] = title;
    table->widths[table->n_columns] = strlen(title);
    table->may_cut[table->n_columns] = may_cut;
    table->n_columns++;
}

void table_widen_last(struct table *table, size_t columns)
{
    size_t *width = &table->widths[table->n_columns - 1];
    *width = columns > *width ? columns : *width;
}

void table_add_cell(struct table *table, const struct cell *cell)
{
    if (table->n_cells == table->cap_cells) {
        table->cap_cells = table->cap_cells ? 2 * table->cap_cells : 64;
        table->cells = memory_resize(table->cells, table->cap_cells * sizeof table->cells[0]);
    }
    size_t column = table->n_cells % table->n_columns;
    struct table_cell *kept = &table->cells[table->n_cells++];
    const char *text = cell->text[0] != '\0' ? cell->text : "-";
    kept->text = memory_zeroed(strlen(text) + 1 + ESCAPE_CUT_ROOM, 1);
    memcpy(kept->text, text, strlen(text));
    kept->columns = escape_columns(kept->text);
    kept->colour = cell->colour;
    if (kept->columns > table->widths[column]) {
        table->widths[column] = kept->columns;
    }
}

/* The widest column that may lose one more, or n_columns. */
static size_t widest_to_cut(const struct table *table)
{
    size_t widest = table->n_columns;
    for (size_t i = 0; i < table->n_columns; i++) {
        if (table->may_cut[i] && table->widths[i] > LEAST_COLUMNS &&
            (widest == table->n_columns || table->widths[i] > table->widths[widest])) {
            widest = i;
        }
    }
    return widest;
}

static void fit(struct table *table)
{
    size_t total = 2 * (table->n_columns - 1);
    for (size_t i = 0; i < table->n_columns; i++) {
        total += table->widths[i];
    }
    while (table->most_columns > 0 && total > table->most_columns) {
        size_t widest = widest_to_cut(table);
        if (widest == table->n_columns) {
            return;
        }
        table->widths[widest]--;
        total--;
    }
}

static void cut_cells(struct table *table)
{
    for (size_t i = 0; i < table->n_cells; i++) {
        struct table_cell *cell = &table->cells[i];
        size_t width = table->widths[i % table->n_columns];
        if (cell->columns > width) {
            escape_cut(cell->text, strlen(cell->text) + 1 + ESCAPE_CUT_ROOM, width);
            cell->columns = escape_columns(cell->text);
        }
    }
}

static void print_gap(const struct table *table, size_t column, size_t used, FILE *out)
{
    if (column + 1 == table->n_columns) {
        (void)fputc('\n', out);
        return;
    }
    for (size_t i = used; i < table->widths[column] + 2; i++) {
        (void)fputc(' ', out);
    }
}

static void print_header(struct table *table, FILE *out)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        (void)fputs(table->titles[i], out);
        print_gap(table, i, strlen(table->titles[i]), out);
    }
    table->has_header = true;
}

void table_print(struct table *table, FILE *out, bool has_colour)
{
    if (table->n_cells > 0) {
        fit(table);
        cut_cells(table);
    }
    if (!table->has_header && table->n_cells > 0) {
        print_header(table, out);
    }
    for (size_t i = 0; i < table->n_cells; i++) {
        struct table_cell *cell = &table->cells[i];
        (void)fprintf(out, "%s%s%s", colour_start(cell->colour, has_colour), cell->text,
                      colour_end(cell->colour, has_colour));
        print_gap(table, i % table->n_columns, cell->columns, out);
        free(cell->text);
    }
    table->n_cells = 0;
}

void table_deinit(struct table *table)
{
    for (size_t i = 0; i < table->n_cells; i++) {
        free(table->cells[i].text);
    }
    free(table->cells);
    memset(table, 0, sizeof *table);
}

const char *colour_start(enum colour colour, bool has_colour)
{
    static const char *const starts[COLOUR_COUNT] = {
        [COLOUR_NONE] = "",
        [COLOUR_GOOD] = "\x1b[32m",
        [COLOUR_WAITING] = "\x1b[33m",
        [COLOUR_BAD] = "\x1b[31m",
    };
    return has_colour ? starts[colour] : "";
}

const char *colour_end(enum colour colour, bool has_colour)
{
    return has_colour && colour != COLOUR_NONE ? "\x1b[0m" : "";
}
