#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/rpc/address.h"

static void tls_addresses_become_tcp_addresses(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"tls+tcp://127.0.0.1:18789", "tcp://127.0.0.1:18789"},
        {"tls+tcp://[::1]:1234", "tcp://[::1]:1234"},
        {"tls+tcp://gw.example:0", "tcp://gw.example:0"},
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(pairs); i++) {
        struct oc_address address;
        assert_int_equal(oc_address_parse(pairs[i][0], &address, NULL), OC_OK);
        assert_false(address.is_ipc);
        assert_string_equal(address.nng_url, pairs[i][1]);
    }
}

static void other_addresses_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "tcp://127.0.0.1:1",
        "tls+tcp://",
        "tls+tcp://host",
        "tls+tcp://:1",
        "tls+tcp://host:",
        "tls+tcp://host:12x",
        "tls+tcp://host:123456",
        "tls+tcp://::1:1234",
        "tls+tcp://host:1/path",
        "tls+tcp://user@host:1",
        "ipc://",
        "ipc://~/door.sock",
        "http://127.0.0.1:1",
    };
    for (size_t i = 0; i < OC_ARRAY_LENGTH(bad); i++) {
        struct oc_address address;
        struct oc_error err;
        assert_int_equal(oc_address_parse(bad[i], &address, &err), OC_INVALID_ARGUMENT);
        assert_non_null(strstr(err.text, bad[i]));
    }
}

static void a_path_of_107_bytes_passes_and_108_are_named(void **state)
{
    (void)state;
    char url[6 + 109] = "ipc://";
    struct oc_address address;
    struct oc_error err;
    memset(url + 6, 'p', 107);
    assert_int_equal(oc_address_parse(url, &address, &err), OC_OK);
    assert_true(address.is_ipc);
    assert_int_equal(strlen(address.path), 107);
    url[6 + 107] = 'p';
    assert_int_equal(oc_address_parse(url, &address, &err), OC_INVALID_ARGUMENT);
    assert_non_null(strstr(err.text, "has 108 bytes"));
    assert_non_null(strstr(err.text, url + 6));
}

static void sources_are_written_as_people_know_them(void **state)
{
    (void)state;
    char text[OC_MAX_SOURCE_BYTES + 1];
    struct oc_source source = {
        .address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 9}};
    oc_source_format(&source, text);
    assert_string_equal(text, "203.0.113.9");
    source = (struct oc_source){.address = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
    oc_source_format(&source, text);
    assert_string_equal(text, "2001:db8::1");
    source = (struct oc_source){.is_local = true};
    oc_source_format(&source, text);
    assert_string_equal(text, "local");
}

/* ---- the path of a socket ------------------------------------------------------------------ */

struct place {
    char directory[64];
    char path[96];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    (void)strcpy(place->directory, "/tmp/oc-path-XXXXXX");
    if (!mkdtemp(place->directory)) {
        free(place);
        return -1;
    }
    (void)snprintf(place->path, sizeof place->path, "%s/door.sock", place->directory);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    (void)unlink(place->path);
    const int result = rmdir(place->directory);
    free(place);
    return result;
}

/* A listening socket, or one whose listener is gone. */
static int put_socket(const struct place *place, bool listens)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)strcpy(address.sun_path, place->path);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)(void *)&address, sizeof address), 0);
    if (listens) {
        assert_int_equal(listen(fd, 1), 0);
        return fd;
    }
    (void)close(fd);
    return -1;
}

static bool exists(const char *path)
{
    struct stat found;
    return lstat(path, &found) == 0;
}

static void an_absent_path_in_a_closed_directory_is_fine(void **state)
{
    struct place *place = *state;
    assert_int_equal(oc_ipc_path_prepare(place->path, NULL), OC_OK);
}

static void a_stale_socket_of_ours_is_removed(void **state)
{
    struct place *place = *state;
    (void)put_socket(place, false);
    assert_true(exists(place->path));
    assert_int_equal(oc_ipc_path_prepare(place->path, NULL), OC_OK);
    assert_false(exists(place->path));
}

static void a_socket_where_somebody_listens_is_left_alone(void **state)
{
    struct place *place = *state;
    struct oc_error err;
    const int fd = put_socket(place, true);
    for (int i = 0; i < 5; i++) { /* also when its backlog is full */
        assert_int_equal(oc_ipc_path_prepare(place->path, &err), OC_ALREADY_EXISTS);
    }
    assert_true(exists(place->path));
    (void)close(fd);
}

static void a_file_or_a_link_is_left_alone(void **state)
{
    struct place *place = *state;
    struct oc_error err;
    const int fd = open(place->path, O_CREAT | O_WRONLY, 0600);
    (void)close(fd);
    assert_int_equal(oc_ipc_path_prepare(place->path, &err), OC_ALREADY_EXISTS);
    assert_non_null(strstr(err.text, place->path));
    assert_true(exists(place->path));
    (void)unlink(place->path);
    assert_int_equal(symlink("/nowhere", place->path), 0);
    assert_int_equal(oc_ipc_path_prepare(place->path, &err), OC_ALREADY_EXISTS);
    assert_true(exists(place->path));
}

static void a_directory_open_to_others_is_refused_with_both_modes(void **state)
{
    struct place *place = *state;
    static const mode_t open_modes[] = {0701, 0710, 0720, 0755, 0777};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(open_modes); i++) {
        struct oc_error err;
        char found[8];
        (void)snprintf(found, sizeof found, "%04o", (unsigned)open_modes[i]);
        assert_int_equal(chmod(place->directory, open_modes[i]), 0);
        assert_int_equal(oc_ipc_path_prepare(place->path, &err), OC_FAILED_PRECONDITION);
        assert_non_null(strstr(err.text, place->directory));
        assert_non_null(strstr(err.text, found));
        assert_non_null(strstr(err.text, "0700"));
    }
    assert_int_equal(chmod(place->directory, 0700), 0);
    assert_int_equal(oc_ipc_path_prepare("/nowhere/at/all/door.sock", NULL),
                     OC_FAILED_PRECONDITION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_addresses_become_tcp_addresses),
        cmocka_unit_test(other_addresses_are_refused_by_name),
        cmocka_unit_test(a_path_of_107_bytes_passes_and_108_are_named),
        cmocka_unit_test(sources_are_written_as_people_know_them),
        cmocka_unit_test_setup_teardown(an_absent_path_in_a_closed_directory_is_fine, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(a_stale_socket_of_ours_is_removed, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(a_socket_where_somebody_listens_is_left_alone, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(a_file_or_a_link_is_left_alone, make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_directory_open_to_others_is_refused_with_both_modes,
                                        make_place, remove_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
