/*
 * Data on stdout, in the format that was asked for. One description of a kind of item serves all
 * formats and all commands that print it.
 */
#pragma once

#include "cli/moment.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/writer.h"

enum output_format {
    OUTPUT_TABLE,
    OUTPUT_WIDE,
    OUTPUT_JSON,
    OUTPUT_YAML,
    OUTPUT_NDJSON,
    OUTPUT_NAME,
};
/* False if there is no such format. */
bool output_format_parse(const char *text, enum output_format *out);

struct output {
    const struct terminal *terminal;
    struct cli *cli; /* see writer.h */
    enum output_format format;
    bool has_colour;
};

/* Whether a person reads it, rather than a program. */
bool output_is_for_people(const struct output *output);

struct column {
    const char *title;
    bool is_wide; /* only in -o wide */
    bool may_cut; /* on a narrow terminal; ids may not */
    /* Fills the cell with escaped text; "" prints as "-". */
    void (*fill)(const struct output *output, const void *item, struct cell *cell);
};

enum {
    OUTPUT_NAME_BYTES = 128,
};

struct item_kind {
    const struct column *columns;
    size_t n_columns;
    const unsigned char *least_widths; /* of the columns; NULL: as their titles */
    void (*write)(struct writer *writer, const void *item);
    void (*name)(const void *item, char out[OUTPUT_NAME_BYTES]); /* what scripts call it by */
};

/* ---- lists: {"items":[...],"next_cursor":"","revision":N} ---------------------------------- */

struct listing {
    const struct output *output;
    const struct item_kind *kind;
    struct writer writer;
    struct table table;
    size_t n_items;
};

void listing_begin(struct listing *listing, const struct output *output,
                   const struct item_kind *kind);
void listing_add(struct listing *listing, const void *item);
/* Prints the rows held back for their widths: call it after each page, so that memory is bounded.
 */
void listing_flush(struct listing *listing);
/* Releases without ending the document. */
void listing_abandon(struct listing *listing);
/* Ends the document and releases. */
void listing_end(struct listing *listing, const char *next_cursor, uint64_t revision);

/* ---- one thing ----------------------------------------------------------------------------- */

/* Prints one item where a program reads it and returns true; false for table and wide, where the
 * caller prints its facts. */
bool output_item(const struct output *output, const struct item_kind *kind, const void *item);

/* "  label   text" on `out`; nothing if `text` is "". `text` is escaped already. */
void output_fact(FILE *out, const char *label, const char *text);

/* The same on a terminal of that many columns (0: it is none): what does not fit goes on below the
 * text, never at the margin, where it could pass for a line of ours. */
void output_fact_within(FILE *out, size_t columns, const char *label, const char *text);

/* A time for a table: its age where a person looks, RFC 3339 in a pipe, "" for 0. */
void output_format_time(const struct output *output, int64_t at_ms, char out[MOMENT_BYTES]);
