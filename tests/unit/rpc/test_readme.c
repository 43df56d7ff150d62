/* The method table of proto/README.md says what the gateway does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/rpc/dispatch.h"

enum {
    N_COLUMNS = 7,
    CELL_BYTES = 96,
    LINE_BYTES = 512,
    HEALTH = 200,
};

struct row {
    char cells[N_COLUMNS][CELL_BYTES];
};

/* "| a | b |" -> cells without their blanks; false if there are fewer than wanted. */
static bool split(const char *line, struct row *row)
{
    size_t n = 0;
    while (n < N_COLUMNS && *line == '|') {
        const char *end = strchr(line + 1, '|');
        if (!end || (size_t)(end - line) >= CELL_BYTES) {
            return false;
        }
        const char *from = line + 1;
        const char *to = end;
        while (from < to && *from == ' ') {
            from++;
        }
        while (to > from && to[-1] == ' ') {
            to--;
        }
        (void)snprintf(row->cells[n++], CELL_BYTES, "%.*s", (int)(to - from), from);
        line = end;
    }
    return n == N_COLUMNS;
}

static enum rpc_door door_of(uint32_t number)
{
    return number < 100 ? RPC_DOOR_DEVICES : RPC_DOOR_LOCAL;
}

static const struct method_row *find(enum rpc_door door, uint32_t number)
{
    size_t n = 0;
    const struct method_row *rows = dispatch_table(door, &n);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].number == number) {
            return &rows[i];
        }
    }
    return NULL;
}

static void check_row(const struct row *row)
{
    const uint32_t number = (uint32_t)strtoul(row->cells[0], NULL, 10);
    const struct oc_method *method = oc_method_by_number(number);
    char name[CELL_BYTES];
    char quoted[CELL_BYTES + 32];
    assert_non_null(method);
    oc_method_format_name(method, name, sizeof name);
    (void)snprintf(quoted, sizeof quoted, "`%s`%s", name + strlen("openclaw.v1."),
                   method->is_long_poll ? " (long poll)" : "");
    assert_string_equal(row->cells[1], quoted);
    const struct method_row *known = find(door_of(number), number);
    assert_non_null(known);
    if (number < HEALTH) {
        const struct method_row *remote = find(RPC_DOOR_ADMIN, number);
        assert_string_equal(row->cells[2],
                            remote ? "local, admin" : rpc_door_name(door_of(number)));
        assert_string_equal(row->cells[3], rpc_role_name(known->least));
        assert_true(!remote || remote->least == known->least);
    } else {
        assert_string_equal(row->cells[2], "all");
        assert_non_null(find(RPC_DOOR_DEVICES, number));
        assert_non_null(find(RPC_DOOR_ADMIN, number));
    }
    assert_string_equal(row->cells[4], method->changes ? "yes" : "no");
    assert_string_equal(row->cells[5], method->is_repeatable ? "yes" : "with a key");
}

static void the_method_table_is_true_and_whole(void **state)
{
    (void)state;
    char line[LINE_BYTES];
    struct row row;
    unsigned n_rows = 0;
    unsigned n_methods = 0;
    (void)oc_method_table(&n_methods);
    FILE *file = fopen(README, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (strstr(line, "Service/") && split(line, &row)) {
            check_row(&row);
            n_rows++;
        }
    }
    (void)fclose(file);
    assert_int_equal(n_rows, n_methods);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_method_table_is_true_and_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
