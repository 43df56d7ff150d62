/*
 * A table of escaped text: upper-case headers, columns as wide as their widest cell, two spaces
 * between. Rows are held until table_print; widths never shrink, so pages line up. Where rows are
 * wider than the terminal, the widest of the columns that may be cut are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
    TABLE_MAX_COLUMNS = 20,
    CELL_BYTES = 1536,
};

enum colour { COLOUR_NONE, COLOUR_GOOD, COLOUR_WAITING, COLOUR_BAD, COLOUR_COUNT };

struct cell {
    char text[CELL_BYTES]; /* escaped */
    enum colour colour;
};

struct table_cell {
    char *text;
    size_t columns;
    enum colour colour;
};

struct table {
    size_t n_columns;
    const char *titles[TABLE_MAX_COLUMNS];
    size_t widths[TABLE_MAX_COLUMNS];
    bool may_cut[TABLE_MAX_COLUMNS];
    size_t most_columns; /* of the terminal; 0: rows may be as long as they are */
    bool has_header;     /* printed already */
    struct table_cell *cells;
    size_t n_cells, cap_cells;
};

void table_add_column(struct table *table, const char *title, bool may_cut);
/* The column added last is so wide at least. */
void table_widen_last(struct table *table, size_t columns);
/* Cells come left to right, row after row. Out of memory ends the process with a message. */
void table_add_cell(struct table *table, const struct cell *cell);
/* Prints and forgets the rows; the header before the first one ever. */
void table_print(struct table *table, FILE *out, bool has_colour);
void table_deinit(struct table *table);

/* Escape sequences around coloured text; "" where colour is off. */
const char *colour_start(enum colour colour, bool has_colour);
const char *colour_end(enum colour colour, bool has_colour);
