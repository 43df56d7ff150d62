#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/crypto/receipt.h"
#include "tests/support/vectors.h"

/* The whole file, NUL-terminated; free() it. */
static char *read_file(const char *name)
{
    char path[1024];
    char *text = NULL;
    size_t n = 0;
    (void)snprintf(path, sizeof path, "%s/%s", VECTORS_DIR, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    FILE *copy = open_memstream(&text, &n);
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
        (void)fputc(c, copy);
    }
    (void)fclose(file);
    (void)fclose(copy);
    return text;
}

static void the_committed_vectors_are_what_the_code_makes(void **state)
{
    (void)state;
    size_t n_files = 0;
    const struct vector_file *files = vector_files(&n_files);
    for (size_t i = 0; i < n_files; i++) {
        char *made = NULL;
        size_t n = 0;
        FILE *out = open_memstream(&made, &n);
        files[i].write(out);
        (void)fclose(out);
        char *committed = read_file(files[i].name);
        assert_string_equal(made, committed);
        free(committed);
        free(made);
    }
}

static void the_receipt_s_signature_is_good(void **state)
{
    (void)state;
    struct oc_receipt receipt;
    struct oc_identity *gateway = NULL;
    vectors_receipt(&receipt, &gateway);
    assert_true(oc_receipt_verify(gateway, &receipt));
    receipt.seq++;
    assert_false(oc_receipt_verify(gateway, &receipt));
    oc_identity_free(gateway);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_committed_vectors_are_what_the_code_makes),
        cmocka_unit_test(the_receipt_s_signature_is_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
