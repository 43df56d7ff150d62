/*
 * One document, written as it is told: the same calls make JSON or YAML, so the shape of an item
 * exists once. JSON is one line; where has_line_per_item is set, the elements of the outermost
 * object's lists stand on a line each, so a person can read a list and line tools can use it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum writer_format {
    WRITER_JSON,
    WRITER_YAML,
};

enum {
    WRITER_MAX_DEPTH = 8,
};

struct cli;

struct writer {
    FILE *out;
    struct cli *cli; /* by whose connection an item's kind may ask for more; NULL: by none */
    enum writer_format format;
    bool has_line_per_item;
    unsigned depth;
    struct {
        bool is_list;
        size_t n;
    } open[WRITER_MAX_DEPTH];
};

struct writer writer_make(FILE *out, enum writer_format format);

void writer_begin_object(struct writer *writer);
void writer_end_object(struct writer *writer);
void writer_begin_list(struct writer *writer);
void writer_end_list(struct writer *writer);
void writer_key(struct writer *writer, const char *key); /* a word of ours, not escaped */
void writer_untrusted_key(struct writer *writer, const char *key);

void writer_null(struct writer *writer);
void writer_bool(struct writer *writer, bool value);
void writer_uint(struct writer *writer, uint64_t value);
void writer_string(struct writer *writer, const char *text);

/* A key with its value. "" is absent: null. */
void writer_text_or_null(struct writer *writer, const char *key, const char *text);
/* RFC 3339 in UTC; 0 is absent: null. */
void writer_time_or_null(struct writer *writer, const char *key, int64_t at_ms);

/* Ends the document with a newline. */
void writer_end(struct writer *writer);
