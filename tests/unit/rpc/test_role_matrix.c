/*
 * Who may call what, at which door: made of the one authorisation function, for every method, kind
 * of caller and door, and compared with what server/README.md prints. `test_role_matrix --print`
 * writes it.
 */
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
    LINE_BYTES = 256,
    TEXT_BYTES = 64 * 1024,
};

/* Kinds of callers. Who is registered with the gateway's own CA and who is mapped from another has
 * one of the same three roles; an approver's bound is asked beyond this, in the service. */
static const struct {
    const char *title;
    enum rpc_door door;
    enum rpc_role role;
} columns[] = {
    {"device", RPC_DOOR_DEVICES, RPC_ROLE_DEVICE},
    {"local", RPC_DOOR_LOCAL, RPC_ROLE_ADMIN},
    {"viewer", RPC_DOOR_ADMIN, RPC_ROLE_VIEWER},
    {"approver", RPC_DOOR_ADMIN, RPC_ROLE_APPROVER},
    {"admin", RPC_DOOR_ADMIN, RPC_ROLE_ADMIN},
    {"revoked, expired, unknown, unmapped", RPC_DOOR_ADMIN, RPC_ROLE_NOBODY},
};

/* What an approver may call and a viewer may not: it decides on a device. */
static bool is_decision(uint32_t number)
{
    return dispatch_authorise(RPC_DOOR_ADMIN, RPC_ROLE_APPROVER, number) == DISPATCH_ALLOWED &&
           dispatch_authorise(RPC_DOOR_ADMIN, RPC_ROLE_VIEWER, number) != DISPATCH_ALLOWED;
}

static const char *cell(enum dispatch_verdict verdict)
{
    switch (verdict) {
    case DISPATCH_ALLOWED:
        return "yes";
    case DISPATCH_DENIED:
        return "no";
    case DISPATCH_NO_SUCH_METHOD:
        return "-";
    }
    return "?";
}

static void add(char *text, const char *piece)
{
    assert_true(strlen(text) + strlen(piece) < TEXT_BYTES);
    strcat(text, piece);
}

static void add_row(char *text, const struct oc_method *method)
{
    char name[LINE_BYTES];
    oc_method_format_name(method, name, sizeof name);
    add(text, "| `");
    add(text, strchr(name, '/') + 1);
    add(text, "` |");
    for (size_t i = 0; i < OC_ARRAY_LENGTH(columns); i++) {
        const bool has_bound = columns[i].role == RPC_ROLE_APPROVER && is_decision(method->number);
        add(text, " ");
        add(text, cell(dispatch_authorise(columns[i].door, columns[i].role, method->number)));
        add(text, has_bound ? ", in its bound |" : " |");
    }
    add(text, "\n");
}

static char *make_matrix(void)
{
    char *text = calloc(1, TEXT_BYTES);
    unsigned n = 0;
    const struct oc_method *table = oc_method_table(&n);
    assert_non_null(text);
    add(text, "| method |");
    for (size_t i = 0; i < OC_ARRAY_LENGTH(columns); i++) {
        add(text, " ");
        add(text, columns[i].title);
        add(text, " |");
    }
    add(text, "\n|");
    for (size_t i = 0; i <= OC_ARRAY_LENGTH(columns); i++) {
        add(text, " --- |");
    }
    add(text, "\n");
    for (unsigned i = 0; i < n; i++) {
        add_row(text, &table[i]);
    }
    return text;
}

static void the_readme_prints_the_matrix(void **state)
{
    (void)state;
    char *wanted = make_matrix();
    char *found = calloc(1, 4 * TEXT_BYTES);
    FILE *file = fopen(README, "r");
    assert_non_null(file);
    assert_non_null(found);
    assert_true(fread(found, 1, 4 * TEXT_BYTES - 1, file) > 0);
    (void)fclose(file);
    if (!strstr(found, wanted)) {
        fail_msg("server/README.md does not print this:\n%s", wanted);
    }
    free(found);
    free(wanted);
}

/* Whoever is no caller of a kind that a door knows may call nothing there. */
static void other_roles_may_call_nothing(void **state)
{
    (void)state;
    unsigned n = 0;
    const struct oc_method *table = oc_method_table(&n);
    for (unsigned i = 0; i < n; i++) {
        for (int role = 0; role < RPC_ROLE_COUNT; role++) {
            const bool is_device = role == RPC_ROLE_DEVICE;
            for (int door = 0; door < RPC_DOOR_COUNT; door++) {
                const bool is_foreign = (door == RPC_DOOR_DEVICES) != is_device;
                if (is_foreign || role == RPC_ROLE_NOBODY) {
                    assert_int_not_equal(dispatch_authorise((enum rpc_door)door,
                                                            (enum rpc_role)role, table[i].number),
                                         DISPATCH_ALLOWED);
                }
            }
        }
    }
}

/* The bound is asked where decisions on devices are made (service/bounds.h), and tests of it go
 * through these. Whoever gives approvers another method sees here that it needs a bound, too. */
static void what_approvers_decide_goes_where_bounds_are_asked(void **state)
{
    static const char *const decided[] = {"Approve", "Reject", "Revoke", "Block", "Unblock",
                                          "Dismiss", "Rename", "Remove", "Expect"};
    (void)state;
    unsigned n = 0;
    unsigned n_decisions = 0;
    const struct oc_method *table = oc_method_table(&n);
    for (unsigned i = 0; i < n; i++) {
        char name[LINE_BYTES];
        bool is_known = !is_decision(table[i].number);
        oc_method_format_name(&table[i], name, sizeof name);
        for (size_t k = 0; k < OC_ARRAY_LENGTH(decided) && !is_known; k++) {
            is_known = strcmp(strchr(name, '/') + 1, decided[k]) == 0;
            n_decisions += is_known;
        }
        if (!is_known) {
            fail_msg("%s: where is the bound of an approver asked?", name);
        }
    }
    assert_int_equal(n_decisions, OC_ARRAY_LENGTH(decided));
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        char *text = make_matrix();
        (void)fputs(text, stdout);
        free(text);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_readme_prints_the_matrix),
        cmocka_unit_test(other_roles_may_call_nothing),
        cmocka_unit_test(what_approvers_decide_goes_where_bounds_are_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
