/* Commands on streams in memory; see cli_fixture.h. */
#include "tests/unit/cli/cli_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_openclaw.h"

enum {
    WORDS_MOST = 64,
};

struct ran run_on(const struct stage *stage, const char *const *words)
{
    struct ran ran = {.out = NULL};
    size_t n_out = 0;
    size_t n_err = 0;
    char *argv[WORDS_MOST] = {NULL};
    int argc = 0;
    argv[argc++] = strdup("openclaw");
    for (size_t i = 0; words[i]; i++) {
        argv[argc++] = strdup(words[i]);
    }
    char *kept[WORDS_MOST];
    memcpy(kept, argv, sizeof kept);
    struct terminal terminal = {
        .in = stage->input && stage->input[0]
                  ? fmemopen((void *)(uintptr_t)stage->input, strlen(stage->input), "r")
                  : fopen("/dev/null", "r"),
        .out = open_memstream(&ran.out, &n_out),
        .err = open_memstream(&ran.err, &n_err),
        .is_interactive = stage->is_interactive,
        .out_is_terminal = stage->out_is_terminal,
        .columns = stage->columns,
        .now_ms = FAKE_NOW_MS,
    };
    ran.code = command_main(&terminal, argc, argv);
    (void)fclose(terminal.in);
    (void)fclose(terminal.out);
    (void)fclose(terminal.err);
    for (int i = 0; i < argc; i++) {
        free(kept[i]);
    }
    return ran;
}

void ran_free(struct ran *ran)
{
    free(ran->out);
    free(ran->err);
}

static char *read_golden(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 16);
    if (file) {
        size_t n = fread(text, 1, (1 << 16) - 1, file);
        text[n] = '\0';
        (void)fclose(file);
    }
    return text;
}

void assert_golden(const char *name, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", OC_GOLDEN_DIR, name);
    if (getenv("OC_UPDATE_GOLDEN")) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        (void)fputs(text, file);
        (void)fclose(file);
    }
    char *golden = read_golden(path);
    if (strcmp(golden, text) != 0) {
        print_error("%s differs; it printed:\n%s", name, text);
    }
    assert_string_equal(golden, text);
    free(golden);
}

void assert_contains_at(const char *text, const char *part, const char *file, int line)
{
    if (!strstr(text, part)) {
        print_error("\"%s\" is not in:\n%s\n", part, text);
        _fail(file, line);
    }
}
