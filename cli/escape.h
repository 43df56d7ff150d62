/*
 * Text that somebody else wrote, made harmless for a terminal or a document.
 *
 * What a device sends may hold anything. Printed as it is: letters, marks, digits, punctuation,
 * symbols and the plain space. Escaped: control bytes, format characters (bidi marks, joiners),
 * other spaces and separators, invisible and unassigned characters, private use, marks that stand
 * on nothing or pile up, invalid UTF-8, and the backslash itself, so that an escape cannot be
 * forged. `\xNN` is a byte, `\u{NNNN}` a character.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    ESCAPE_MOST = 5, /* an escaped text needs at most this many bytes for each byte */
};

/* Writes at most cap bytes with the NUL, cut between characters where it does not fit. */
void escape_for_terminal(const char *text, char *out, size_t cap);

/* The same between double quotes, with quotes inside escaped; and letters of scripts that run from
 * right to left, since a terminal turns around what stands beside them: ids, states. */
void escape_quoted(const char *text, char *out, size_t cap);

/* Quoted, with every character beyond ASCII written as its number: what tells look-alikes apart. */
void escape_spelled(const char *text, char *out, size_t cap);

/* Columns that an escaped text takes on a terminal. */
size_t escape_columns(const char *text);

/* Bytes at the start of an escaped text that fit into so many columns: whole characters, one at
 * least, with the marks that stand on them. */
size_t escape_fitting(const char *text, size_t columns);

enum {
    ESCAPE_CUT_ROOM = 3, /* bytes behind a text that a cut may need for the ellipsis */
};
/* Cuts an escaped text in place to `columns`, the last of them an ellipsis, if it is wider. `cap`
 * is the room at `text`: its length, a NUL and ESCAPE_CUT_ROOM. */
void escape_cut(char *text, size_t cap, size_t columns);

/* How characters outside the basic plane are written in a quoted string. */
enum escape_dialect {
    ESCAPE_JSON, /* \uD83D\uDE00 */
    ESCAPE_YAML, /* \U0001F600 */
};

/* A double-quoted JSON or YAML string. Bytes that are not UTF-8 become U+FFFD. */
void escape_write_string(FILE *out, const char *text, enum escape_dialect dialect);
