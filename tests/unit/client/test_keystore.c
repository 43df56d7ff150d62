#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/keystore.h"

/* ---- a data directory per test ----------------------------------------------------------- */

struct place {
    char root[64];
    char data[128];
};

static const char *at(const struct place *place, const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", place->data, name);
    return path;
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    (void)snprintf(place->root, sizeof place->root, "/tmp/oc-keystore-XXXXXX");
    if (!mkdtemp(place->root)) {
        return -1;
    }
    (void)snprintf(place->data, sizeof place->data, "%s/data", place->root);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", place->root);
    int rc = system(command);
    free(place);
    return rc;
}

static void assert_mode(const char *path, unsigned wanted)
{
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, wanted);
}

static int count_entries(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    int n = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(dir);
    return n;
}

static struct oc_identity_info first_start(const struct place *place)
{
    struct oc_identity_info info;
    assert_int_equal(oc_identity_info(place->data, true, &info, NULL), OC_OK);
    return info;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* ---- the key ----------------------------------------------------------------------------- */

static void a_first_start_makes_a_key_that_only_we_can_read(void **state)
{
    const struct place *place = *state;
    mode_t before = umask(0);
    struct oc_identity_info info = first_start(place);
    umask(before);
    assert_true(info.was_created);
    assert_string_equal(info.key_path, at(place, "identity/device.key"));
    assert_mode(info.key_path, 0600);
    assert_mode(at(place, "identity"), 0700);
    assert_mode(place->data, 0700);
    assert_int_equal(count_entries(at(place, "identity")), 1);
}

static void a_later_start_finds_the_same_key(void **state)
{
    const struct place *place = *state;
    struct oc_identity_info first = first_start(place);
    struct oc_identity_info second = first_start(place);
    assert_false(second.was_created);
    assert_true(oc_device_id_equal(&first.device_id, &second.device_id));
}

static void without_leave_to_create_nothing_is_made(void **state)
{
    const struct place *place = *state;
    struct oc_identity_info info;
    assert_int_equal(oc_identity_info(place->data, false, &info, NULL), OC_NOT_FOUND);
    assert_int_equal(access(place->data, F_OK), -1);
    assert_int_equal(mkdir(place->data, 0700), 0);
    assert_int_equal(mkdir(at(place, "identity"), 0700), 0);
    assert_int_equal(oc_identity_info(place->data, false, &info, NULL), OC_NOT_FOUND);
    assert_int_equal(count_entries(at(place, "identity")), 0);
}

static void a_key_that_others_can_read_is_refused_with_the_fix(void **state)
{
    const struct place *place = *state;
    struct oc_identity_info info = first_start(place);
    assert_int_equal(chmod(info.key_path, 0640), 0);
    struct oc_error err;
    assert_int_equal(oc_identity_info(place->data, true, &info, &err), OC_FAILED_PRECONDITION);
    assert_non_null(strstr(err.text, at(place, "identity/device.key")));
    assert_non_null(strstr(err.text, "0640 found, 0600 wanted"));
    assert_non_null(strstr(err.text, "chmod 600 "));
    assert_mode(info.key_path, 0640);
}

static void directories_that_others_can_use_are_refused(void **state)
{
    const struct place *place = *state;
    struct oc_identity_info info = first_start(place);
    struct oc_error err;
    assert_int_equal(chmod(at(place, "identity"), 0755), 0);
    assert_int_equal(oc_identity_info(place->data, true, &info, &err), OC_FAILED_PRECONDITION);
    assert_non_null(strstr(err.text, "0755 found, 0700 wanted"));
    assert_int_equal(chmod(at(place, "identity"), 0700), 0);
    assert_int_equal(chmod(place->data, 0755), 0);
    assert_int_equal(oc_identity_info(place->data, true, &info, &err), OC_OK);
    assert_int_equal(chmod(place->data, 0775), 0);
    assert_int_equal(oc_identity_info(place->data, true, &info, &err), OC_FAILED_PRECONDITION);
    assert_non_null(strstr(err.text, "0775 found, 0755 wanted"));
}

static void a_key_of_another_user_is_refused(void **state)
{
    const struct place *place = *state;
    if (geteuid() != 0) {
        skip();
    }
    struct oc_identity_info info = first_start(place);
    assert_int_equal(chown(info.key_path, 12345, (gid_t)-1), 0);
    struct oc_error err;
    assert_int_equal(oc_identity_info(place->data, true, &info, &err), OC_FAILED_PRECONDITION);
    assert_non_null(strstr(err.text, "uid 12345"));
}

static void a_symbolic_link_is_refused_at_every_place(void **state)
{
    const struct place *place = *state;
    struct oc_identity_info info = first_start(place);
    char moved[512];
    (void)snprintf(moved, sizeof moved, "%s/moved", place->root);
    struct oc_error err;

    assert_int_equal(rename(info.key_path, moved), 0);
    assert_int_equal(symlink(moved, info.key_path), 0);
    assert_int_equal(oc_identity_info(place->data, true, &info, &err), OC_FAILED_PRECONDITION);
    assert_non_null(strstr(err.text, "symbolic link"));

    assert_int_equal(unlink(info.key_path), 0);
    assert_int_equal(rename(moved, info.key_path), 0);
    assert_int_equal(rename(at(place, "identity"), moved), 0);
    assert_int_equal(symlink(moved, at(place, "identity")), 0);
    assert_int_equal(oc_identity_info(place->data, true, &info, &err), OC_FAILED_PRECONDITION);
    assert_non_null(strstr(err.text, "symbolic link"));
}

static void a_pipe_in_the_place_of_the_key_does_not_hang(void **state)
{
    const struct place *place = *state;
    struct oc_identity_info info = first_start(place);
    assert_int_equal(unlink(info.key_path), 0);
    assert_int_equal(mkfifo(info.key_path, 0600), 0);
    assert_int_equal(oc_identity_info(place->data, true, &info, NULL), OC_FAILED_PRECONDITION);
}

static void a_broken_key_is_reported_and_left_alone(void **state)
{
    const struct place *place = *state;
    struct oc_identity_info info = first_start(place);
    write_file(info.key_path, "no key\n");
    struct oc_error err;
    assert_int_equal(oc_identity_info(place->data, true, &info, &err), OC_DATA_LOSS);
    FILE *file = fopen(at(place, "identity/device.key"), "r");
    char text[64] = "";
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "no key\n");
}

static void a_file_that_is_too_long_is_no_key(void **state)
{
    const struct place *place = *state;
    struct oc_identity_info info = first_start(place);
    assert_int_equal(truncate(info.key_path, 1 << 20), 0);
    assert_int_equal(oc_identity_info(place->data, true, &info, NULL), OC_DATA_LOSS);
}

/* ---- first starts at once ---------------------------------------------------------------- */

enum {
    N_RACERS = 8,
};

struct racer {
    pthread_t thread;
    const char *data;
    pthread_barrier_t *start;
    struct oc_identity_info info;
    uint8_t instance[OC_INSTANCE_BYTES];
    enum oc_status status;
};

static void *race(void *user)
{
    struct racer *racer = user;
    pthread_barrier_wait(racer->start);
    racer->status = oc_identity_info(racer->data, true, &racer->info, NULL);
    if (racer->status == OC_OK) {
        racer->status = oc_keystore_load_instance(racer->data, racer->instance, NULL);
    }
    return NULL;
}

static void first_starts_at_once_end_with_one_key(void **state)
{
    const struct place *place = *state;
    struct racer racers[N_RACERS];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, N_RACERS);
    for (size_t i = 0; i < N_RACERS; i++) {
        racers[i] = (struct racer){.data = place->data, .start = &start};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    int n_created = 0;
    for (size_t i = 0; i < N_RACERS; i++) {
        pthread_join(racers[i].thread, NULL);
    }
    for (size_t i = 0; i < N_RACERS; i++) {
        assert_int_equal(racers[i].status, OC_OK);
        assert_true(oc_device_id_equal(&racers[i].info.device_id, &racers[0].info.device_id));
        assert_memory_equal(racers[i].instance, racers[0].instance, OC_INSTANCE_BYTES);
        n_created += racers[i].info.was_created;
    }
    pthread_barrier_destroy(&start);
    assert_int_equal(n_created, 1);
    assert_int_equal(count_entries(at(place, "identity")), 2);
}

static void the_instance_stays_and_a_broken_one_is_reported(void **state)
{
    const struct place *place = *state;
    uint8_t first[OC_INSTANCE_BYTES];
    uint8_t second[OC_INSTANCE_BYTES];
    assert_int_equal(oc_keystore_load_instance(place->data, first, NULL), OC_OK);
    assert_int_equal(oc_keystore_load_instance(place->data, second, NULL), OC_OK);
    assert_memory_equal(first, second, sizeof first);
    write_file(at(place, "identity/instance"), "xyz\n");
    assert_int_equal(oc_keystore_load_instance(place->data, second, NULL), OC_DATA_LOSS);
}

/* ---- gateways ---------------------------------------------------------------------------- */

static const char url[] = "tls+tcp://gw.example:18789";

static void trust_is_recorded_per_gateway_and_replaced_whole(void **state)
{
    const struct place *place = *state;
    struct oc_trust trust = {.n_pins = 2, .is_first_use = true};
    memset(trust.pins, 0x5a, sizeof trust.pins);
    struct oc_trust found;
    assert_int_equal(oc_trust_load(place->data, url, &found, NULL), OC_NOT_FOUND);
    assert_int_equal(oc_trust_save(place->data, url, &trust, NULL), OC_OK);
    assert_int_equal(oc_trust_load(place->data, "tls+tcp://GW.example:18789", &found, NULL), OC_OK);
    assert_int_equal(found.n_pins, 2);
    assert_true(found.is_first_use);
    assert_int_equal(oc_trust_load(place->data, "tls+tcp://gw.example:1", &found, NULL),
                     OC_NOT_FOUND);
    trust = (struct oc_trust){.n_pins = 1};
    assert_int_equal(oc_trust_save(place->data, url, &trust, NULL), OC_OK);
    assert_int_equal(oc_trust_load(place->data, url, &found, NULL), OC_OK);
    assert_int_equal(found.n_pins, 1);
    assert_false(found.is_first_use);
    assert_int_equal(count_entries(at(place, "gateways")), 1);
    assert_mode(at(place, "gateways"), 0700);
}

static void count_session(void *user, struct oc_gateway_record *record)
{
    (void)user;
    record->n_sessions++;
}

static void replacing_a_pin_keeps_what_else_is_known(void **state)
{
    const struct place *place = *state;
    struct oc_gateway_address address;
    assert_int_equal(oc_gateway_address_parse(url, &address, NULL), OC_OK);
    assert_int_equal(oc_keystore_update_gateway(place->data, &address, count_session, NULL, NULL),
                     OC_OK);
    struct oc_trust trust = {.n_pins = 1};
    assert_int_equal(oc_trust_save(place->data, url, &trust, NULL), OC_OK);
    struct oc_gateway_record record;
    assert_int_equal(oc_keystore_load_gateway(place->data, &address, &record, NULL), OC_OK);
    assert_true(record.n_sessions == 1);
    assert_int_equal(record.trust.n_pins, 1);
}

static void *count_often(void *user)
{
    struct oc_gateway_address address;
    if (oc_gateway_address_parse(url, &address, NULL)) {
        return user;
    }
    for (int i = 0; i < 10; i++) {
        if (oc_keystore_update_gateway(user, &address, count_session, NULL, NULL)) {
            return user;
        }
    }
    return NULL;
}

static void no_change_is_lost_between_two_writers(void **state)
{
    struct place *place = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_often, place->data), 0);
    }
    bool has_failed = false;
    for (size_t i = 0; i < 4; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        has_failed = has_failed || failed;
    }
    assert_false(has_failed);
    struct oc_gateway_address address;
    struct oc_gateway_record record;
    assert_int_equal(oc_gateway_address_parse(url, &address, NULL), OC_OK);
    assert_int_equal(oc_keystore_load_gateway(place->data, &address, &record, NULL), OC_OK);
    assert_true(record.n_sessions == 40);
}

static void a_record_under_a_wrong_name_gives_no_trust(void **state)
{
    const struct place *place = *state;
    struct oc_trust trust = {.n_pins = 1};
    static const char other[] = "tls+tcp://evil.example:18789";
    assert_int_equal(oc_trust_save(place->data, other, &trust, NULL), OC_OK);
    struct oc_gateway_address address;
    char from[OC_GATEWAY_FILE_NAME_BYTES];
    char to[OC_GATEWAY_FILE_NAME_BYTES];
    assert_int_equal(oc_gateway_address_parse(other, &address, NULL), OC_OK);
    oc_gateway_file_name(&address, from);
    assert_int_equal(oc_gateway_address_parse(url, &address, NULL), OC_OK);
    oc_gateway_file_name(&address, to);
    char old_path[512];
    char new_path[512];
    (void)snprintf(old_path, sizeof old_path, "%s/gateways/%s", place->data, from);
    (void)snprintf(new_path, sizeof new_path, "%s/gateways/%s", place->data, to);
    assert_int_equal(rename(old_path, new_path), 0);
    struct oc_error err;
    assert_int_equal(oc_trust_load(place->data, url, &trust, &err), OC_DATA_LOSS);
    assert_non_null(strstr(err.text, "another gateway"));
}

static void the_default_data_directory_follows_the_environment(void **state)
{
    (void)state;
    char path[64];
    setenv("HOME", "/home/x", 1);
    setenv("OPENCLAW_HOME", "/data/x", 1);
    assert_int_equal(oc_default_data_dir(path, sizeof path, NULL), OC_OK);
    assert_string_equal(path, "/data/x");
    unsetenv("OPENCLAW_HOME");
    assert_int_equal(oc_default_data_dir(path, sizeof path, NULL), OC_OK);
    assert_string_equal(path, "/home/x/.openclaw");
    assert_int_equal(oc_default_data_dir(path, 17, NULL), OC_INVALID_ARGUMENT);
    unsetenv("HOME");
    assert_int_equal(oc_default_data_dir(path, sizeof path, NULL), OC_FAILED_PRECONDITION);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_first_start_makes_a_key_that_only_we_can_read),
        IN_PLACE(a_later_start_finds_the_same_key),
        IN_PLACE(without_leave_to_create_nothing_is_made),
        IN_PLACE(a_key_that_others_can_read_is_refused_with_the_fix),
        IN_PLACE(directories_that_others_can_use_are_refused),
        IN_PLACE(a_key_of_another_user_is_refused),
        IN_PLACE(a_symbolic_link_is_refused_at_every_place),
        IN_PLACE(a_pipe_in_the_place_of_the_key_does_not_hang),
        IN_PLACE(a_broken_key_is_reported_and_left_alone),
        IN_PLACE(a_file_that_is_too_long_is_no_key),
        IN_PLACE(first_starts_at_once_end_with_one_key),
        IN_PLACE(the_instance_stays_and_a_broken_one_is_reported),
        IN_PLACE(trust_is_recorded_per_gateway_and_replaced_whole),
        IN_PLACE(replacing_a_pin_keeps_what_else_is_known),
        IN_PLACE(no_change_is_lost_between_two_writers),
        IN_PLACE(a_record_under_a_wrong_name_gives_no_trust),
        cmocka_unit_test(the_default_data_directory_follows_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
