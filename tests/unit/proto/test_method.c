#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "openclaw/v1/health.pb-c.h"
#include "openclaw/v1/pairing.pb-c.h"
#include "proto/base/cleanup.h"
#include "proto/rpc/method.h"

static const ProtobufCServiceDescriptor *const services[] = {
    &openclaw__v1__pairing_service__descriptor,
    &openclaw__v1__admin_service__descriptor,
    &openclaw__v1__health_service__descriptor,
};

/* "AwaitDecision" -> "METHOD_AWAIT_DECISION" */
static void enum_name(const char *method, char *out)
{
    strcpy(out, "METHOD");
    for (size_t n = strlen(out); *method != '\0'; method++) {
        if (*method >= 'A' && *method <= 'Z') {
            out[n++] = '_';
            out[n++] = *method;
        } else {
            out[n++] = (char)(*method - 'a' + 'A');
        }
        out[n] = '\0';
    }
}

static void every_method_of_every_service_has_the_row_of_its_name(void **state)
{
    (void)state;
    unsigned n_methods = 0;
    for (size_t s = 0; s < OC_ARRAY_LENGTH(services); s++) {
        for (unsigned i = 0; i < services[s]->n_methods; i++) {
            char name[64];
            enum_name(services[s]->methods[i].name, name);
            const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(
                &openclaw__v1__method__descriptor, name);
            assert_non_null(value);
            const struct oc_method *method = oc_method_by_index(services[s], i);
            assert_non_null(method);
            assert_int_equal(method->number, value->value);
            assert_ptr_equal(oc_method_by_number(method->number), method);
            assert_ptr_equal(oc_method_input(method), services[s]->methods[i].input);
            assert_ptr_equal(oc_method_output(method), services[s]->methods[i].output);
            n_methods++;
        }
    }
    unsigned n_rows = 0;
    assert_non_null(oc_method_table(&n_rows));
    assert_int_equal(n_rows, n_methods);
    assert_int_equal(openclaw__v1__method__descriptor.n_values, n_methods + 1);
}

static void what_changes_and_is_not_repeatable_never_waits(void **state)
{
    (void)state;
    unsigned n = 0;
    const struct oc_method *table = oc_method_table(&n);
    for (unsigned i = 0; i < n; i++) {
        assert_true(table[i].changes || table[i].is_repeatable);
        assert_false(table[i].changes && table[i].is_long_poll);
    }
}

static void a_number_outside_the_table_has_no_method(void **state)
{
    (void)state;
    assert_null(oc_method_by_number(0));
    assert_null(oc_method_by_number(99));
    assert_null(oc_method_by_number(UINT32_MAX));
    assert_null(oc_method_by_index(services[0], services[0]->n_methods));
}

static void names_are_package_service_and_method(void **state)
{
    (void)state;
    char name[64];
    oc_method_format_name(oc_method_by_number(OPENCLAW__V1__METHOD__METHOD_APPROVE), name,
                          sizeof name);
    assert_string_equal(name, "openclaw.v1.AdminService/Approve");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_of_every_service_has_the_row_of_its_name),
        cmocka_unit_test(what_changes_and_is_not_repeatable_never_waits),
        cmocka_unit_test(a_number_outside_the_table_has_no_method),
        cmocka_unit_test(names_are_package_service_and_method),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
