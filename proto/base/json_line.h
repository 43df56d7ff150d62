/*
 * One JSON object on one line, with its members in an order that both ends know: written so that
 * the same values always give the same bytes, nothing but printable ASCII, and read back exactly.
 *
 * A text that is empty is null. What is no character is written as \udc80 to \udcff, so that any
 * bytes come back as they were.
 *
 * Thread: any; pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oc_json_writer {
    char *out;
    size_t cap, n; /* that all fits is the caller's arithmetic, and asserted */
};

/* Begins with `{`; end writes `}`, a newline and a NUL. */
struct oc_json_writer oc_json_begin(char *out, size_t cap);
size_t oc_json_end(struct oc_json_writer *writer);
void oc_json_put_text(struct oc_json_writer *writer, const char *name, const char *text);
void oc_json_put_number(struct oc_json_writer *writer, const char *name, uint64_t value);
void oc_json_put_hex(struct oc_json_writer *writer, const char *name, const uint8_t *bytes,
                     size_t n);
/* n zeros are null. */
void oc_json_put_id(struct oc_json_writer *writer, const char *name, const uint8_t *bytes,
                    size_t n);
/* "2026-11-22T21:13:02.125Z"; before 1970 and after 9999 the milliseconds: "@-1". */
void oc_json_put_time(struct oc_json_writer *writer, const char *name, int64_t at_ms);

/* Takes members off the front, in order; is_bad from the first that is not there on. What was read
 * is to be written again and compared: only that shows that it was the one way to write it. */
struct oc_json_reader {
    const char *at, *end;
    bool is_bad;
    bool is_inside; /* a member was read */
};

struct oc_json_reader oc_json_read(const char *line, size_t n);
/* Whether all of it was read, and the line is over (its newline may be left out). */
bool oc_json_is_over(struct oc_json_reader *reader);
/* With room for the NUL. */
void oc_json_take_text(struct oc_json_reader *reader, const char *name, char *out, size_t cap);
uint64_t oc_json_take_number(struct oc_json_reader *reader, const char *name);
void oc_json_take_hex(struct oc_json_reader *reader, const char *name, uint8_t *out, size_t n);
/* Hex of up to `cap` bytes; returns how many. */
size_t oc_json_take_some_hex(struct oc_json_reader *reader, const char *name, uint8_t *out,
                             size_t cap);
void oc_json_take_id(struct oc_json_reader *reader, const char *name, uint8_t *out, size_t n);
int64_t oc_json_take_time(struct oc_json_reader *reader, const char *name);
