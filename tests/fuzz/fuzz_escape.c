/*
 * Text of others on its way to a terminal, a table or a document. Whatever comes in: what goes out
 * is UTF-8 without control bytes, within its bounds, and as wide as it is said to be.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/escape.h"
#include "tests/fuzz/fuzz_target.h"

enum {
    TEXT_BYTES = 512,
};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* No byte below space, no DEL, and none of the forms that C1 controls and bidi marks have. */
static void check_is_harmless(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        require(*c >= 0x20 && *c != 0x7f && *c != 0xff && *c != 0xc0);
        require(!(c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0xa0));
        require(!(c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae));
        require(!(c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));
    }
}

static void check_document(const char *text, enum escape_dialect dialect)
{
    char *out = NULL;
    size_t n = 0;
    FILE *file = open_memstream(&out, &n);
    require(file != NULL);
    escape_write_string(file, text, dialect);
    (void)fclose(file);
    require(n >= 2 && out[0] == '"' && out[n - 1] == '"');
    check_is_harmless(out);
    free(out);
}

static void check_cut(const char *escaped, size_t columns)
{
    size_t room = strlen(escaped) + 1 + ESCAPE_CUT_ROOM;
    char *text = malloc(room);
    require(text != NULL);
    memcpy(text, escaped, strlen(escaped) + 1);
    escape_cut(text, room, columns);
    require(columns == 0 || escape_columns(text) <= columns);
    check_is_harmless(text);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char text[TEXT_BYTES + 1] = "";
    size_t columns = n > 0 ? bytes[0] % 40 : 0;
    memcpy(text, bytes, n < TEXT_BYTES ? n : TEXT_BYTES);

    char whole[ESCAPE_MOST * TEXT_BYTES + 1];
    escape_for_terminal(text, whole, sizeof whole);
    check_is_harmless(whole);
    require(strlen(whole) >= strlen(text));
    check_cut(whole, columns);

    char quoted[ESCAPE_MOST * TEXT_BYTES + 3];
    escape_quoted(text, quoted, sizeof quoted);
    check_is_harmless(quoted);
    require(quoted[0] == '"' && quoted[strlen(quoted) - 1] == '"');

    char narrow[24];
    escape_for_terminal(text, narrow, sizeof narrow);
    require(strncmp(narrow, whole, strlen(narrow)) == 0);

    check_document(text, ESCAPE_JSON);
    check_document(text, ESCAPE_YAML);
    return 0;
}
