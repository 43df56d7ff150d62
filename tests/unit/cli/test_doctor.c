/* The doctor's report byte for byte, and its parts that read what a system says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/doctor.h"
#include "cli/finding_view.h"
#include "cli/mounts.h"
#include "tests/support/fake_openclaw.h"
#include "tests/unit/cli/cli_fixture.h"

static const char url[] = "tls+tcp://gw.example:18789";

static int reset(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

/* ---- the report ---------------------------------------------------------------------------- */

static void add_one_of_each(struct findings *findings)
{
    (void)findings_add(findings, SIDE_AGENT, "device_key", FINDING_OK, "device 9f3c");
    struct finding *finding = findings_add(findings, SIDE_AGENT, "permissions", FINDING_FAIL,
                                           "/root/.openclaw/identity has mode 0755, wanted 0700");
    finding_set_cause(finding, "other users of this machine can read it");
    finding_set_fix(finding, "chmod 700 /root/.openclaw/identity");
    finding = findings_add(findings, SIDE_AGENT, "persistence", FINDING_WARN,
                           "/root/.openclaw lies in the container's own layer (overlay)");
    finding_set_cause(finding, "this device's identity is lost with the container");
    finding_set_advice(finding, "start the container with a volume there");
    finding_set_fix(finding, "docker run -v openclaw-data:/root/.openclaw ...");
    finding = findings_add(findings, SIDE_GATEWAY, "audit", FINDING_SKIPPED, "not looked at");
    finding_set_cause(finding, "the gateway runs \x1b[31mand\xe2\x80\xae has \"it\"");
    finding_set_advice(finding, "stop it first");
}

static char *print_report_on(struct terminal terminal, enum output_format format, bool has_colour)
{
    char *text = NULL;
    size_t n = 0;
    struct findings findings = {.items = NULL};
    terminal.out = open_memstream(&text, &n);
    terminal.now_ms = FAKE_NOW_MS;
    const struct output output = {
        .terminal = &terminal, .format = format, .has_colour = has_colour};
    add_one_of_each(&findings);
    findings_print(&output, &findings);
    findings_deinit(&findings);
    (void)fclose(terminal.out);
    return text;
}

static char *print_report(enum output_format format, bool has_colour)
{
    return print_report_on((struct terminal){.columns = 0}, format, has_colour);
}

static void lines_break_between_words_on_a_terminal_and_never_in_a_command(void **state)
{
    (void)state;
    const struct terminal terminal = {.out_is_terminal = true, .columns = 72};
    char *text = print_report_on(terminal, OUTPUT_TABLE, false);
    assert_golden("doctor.narrow", text);
    assert_contains(text, "docker run -v openclaw-data:/root/.openclaw ...\n");
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        assert_true(strcspn(line, "\n") <= 72 || strstr(line, "docker run") != NULL);
    }
    free(text);
    const struct terminal tiny = {.out_is_terminal = true, .columns = 40};
    char *one_line = print_report_on(tiny, OUTPUT_TABLE, false);
    char *piped = print_report(OUTPUT_TABLE, false);
    assert_string_equal(one_line, piped);
    free(one_line);
    free(piped);
}

static void every_format_of_a_report_is_as_agreed(void **state)
{
    (void)state;
    static const char *const names[] = {"table", "wide", "json", "yaml", "ndjson", "name"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char golden[32];
        char *text = print_report((enum output_format)i, false);
        (void)snprintf(golden, sizeof golden, "doctor.%s", names[i]);
        assert_golden(golden, text);
        assert_null(strchr(text, '\x1b'));
        assert_null(strstr(text, "\xe2\x80\xae"));
        free(text);
    }
}

static void colour_marks_the_word_and_nothing_else(void **state)
{
    (void)state;
    char *text = print_report(OUTPUT_TABLE, true);
    assert_contains(text, "\x1b[31mfail\x1b[0m     permissions");
    assert_contains(text, "\x1b[33mwarn\x1b[0m     persistence");
    assert_contains(text, "chmod 700 /root/.openclaw/identity\n");
    free(text);
}

static void words_for_a_shell_are_quoted_where_they_must_be(void **state)
{
    (void)state;
    char out[QUOTED_BYTES];
    assert_string_equal(shell_word("/root/.openclaw", out), "/root/.openclaw");
    assert_string_equal(shell_word("/a b/$(reboot)", out), "'/a b/$(reboot)'");
    assert_string_equal(shell_word("it's", out), "'it'\\''s'");
    assert_string_equal(shell_word("", out), "''");
    assert_string_equal(shell_word("a\nb", out), "'a\nb'");
}

/* ---- mounts -------------------------------------------------------------------------------- */

static const char mountinfo[] =
    "21 1 0:30 / / rw,relatime shared:1 master:2 - overlay overlay rw,lowerdir=/a\n"
    "22 21 0:5 / /proc rw - proc proc rw\n"
    "23 21 8:1 /var/lib/docker/volumes/x/_data /root/.openclaw rw - ext4 /dev/sda1 rw\n"
    "24 21 0:9 / /root/.openclaw-memory rw - tmpfs tmpfs rw\n"
    "25 21 8:2 / /mnt/with\\040blank rw - xfs /dev/sdb rw\n"
    "26 25 0:10 / /mnt/with\\040blank rw - tmpfs over rw\n"
    "broken line\n";

static struct mount_facts mount_at(const char *path)
{
    struct mount_facts facts = {.point = ""};
    FILE *lines = fmemopen((void *)(uintptr_t)mountinfo, sizeof mountinfo - 1, "r");
    assert_true(mount_find(lines, path, &facts));
    (void)fclose(lines);
    return facts;
}

static void the_mount_that_holds_a_path_is_found(void **state)
{
    (void)state;
    assert_string_equal(mount_at("/root/.openclaw").type, "ext4");
    assert_string_equal(mount_at("/root/.openclaw/identity").point, "/root/.openclaw");
    assert_string_equal(mount_at("/root/.openclaw-other").type, "overlay");
    assert_string_equal(mount_at("/root/.openclaw-memory/x").type, "tmpfs");
    assert_string_equal(mount_at("/mnt/with blank/x").type, "tmpfs"); /* the later one covers */
    assert_string_equal(mount_at("/").point, "/");
}

static void a_volume_is_kept_and_a_layer_is_not(void **state)
{
    (void)state;
    struct mount_facts volume = mount_at("/root/.openclaw");
    struct mount_facts layer = mount_at("/srv");
    struct mount_facts memory = mount_at("/root/.openclaw-memory");
    assert_int_equal(mount_judge(&volume, true), MOUNT_KEPT);
    assert_int_equal(mount_judge(&layer, true), MOUNT_LAYER);
    assert_int_equal(mount_judge(&memory, false), MOUNT_IN_MEMORY);
    /* Engines without overlays: a part of a disk is the whole root. */
    struct mount_facts part = {.point = "/", .type = "btrfs", .root = "/@/subvolumes/4f"};
    assert_int_equal(mount_judge(&part, true), MOUNT_LAYER);
    assert_int_equal(mount_judge(&part, false), MOUNT_KEPT);
    struct mount_facts pod = {
        .point = "/data", .type = "ext4", .root = "/pods/7/volumes/kubernetes.io~empty-dir/data"};
    assert_int_equal(mount_judge(&pod, true), MOUNT_LAYER);
    struct mount_facts machine = {.point = "/", .type = "ext4", .root = "/"};
    assert_int_equal(mount_judge(&machine, true), MOUNT_KEPT);
}

/* ---- a gateway ----------------------------------------------------------------------------- */

/* What the doctor says of the gateway, its other findings left out. */
static struct ran look_at_gateway(void)
{
    return RUN("doctor", "--data-dir", "/nonexistent/a", "--gateway", url, "-o", "ndjson");
}

static void assert_finding(const struct ran *ran, const char *check, const char *result,
                           const char *part)
{
    char wanted[128];
    (void)snprintf(wanted, sizeof wanted, "\"check\":\"%s\",\"result\":\"%s\"", check, result);
    assert_contains(ran->out, wanted);
    const char *line = strstr(ran->out, wanted);
    char copy[4096];
    (void)snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, "\n"), line);
    assert_contains(copy, part);
}

static void each_stage_has_a_cause_and_a_way_out(void **state)
{
    (void)state;
    static const struct {
        enum oc_probe_stage stage;
        int error;
        const char *part;
    } rows[] = {
        {OC_PROBE_RESOLVE, 0, "resolver does not know the name"},
        {OC_PROBE_CONNECT, ECONNREFUSED, "listens on loopback only"},
        {OC_PROBE_CONNECT, ETIMEDOUT, "a firewall drops it"},
        {OC_PROBE_CONNECT, ENETUNREACH, "no way to that network"},
        {OC_PROBE_TLS, 0, "not TLS 1.3"},
        {OC_PROBE_GREETING, 0, "another service has this port"},
        {OC_PROBE_HEALTH, 0, "closed the connection"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fake.probe = (struct oc_probe){.stopped_at = rows[i].stage,
                                       .status = OC_UNAVAILABLE,
                                       .system_error = rows[i].error,
                                       .text = "what it said"};
        struct ran ran = look_at_gateway();
        assert_int_equal(ran.code, EXIT_FAILED);
        assert_finding(&ran, "reachability", "fail", rows[i].part);
        assert_finding(&ran, "reachability", "fail", "what it said");
        assert_finding(&ran, "trust", "skipped", "was not reached");
        ran_free(&ran);
    }
}

static void a_wrong_key_is_never_offered_as_a_pin(void **state)
{
    (void)state;
    fake.probe = (struct oc_probe){.stopped_at = OC_PROBE_TRUST,
                                   .status = OC_UNAUTHENTICATED,
                                   .trust = OC_TRUST_RECORDED,
                                   .has_pin = true};
    memset(fake.probe.pin.bytes, 0x99, sizeof fake.probe.pin.bytes);
    struct ran ran = look_at_gateway();
    assert_finding(&ran, "trust", "fail", "shows " FAKE_PIN ", expected sha256:6b6b");
    assert_finding(&ran, "trust", "fail", "--pin sha256:...\"");
    assert_null(strstr(ran.out, "--pin " FAKE_PIN));
    ran_free(&ran);
}

static void every_refusal_says_what_ends_it(void **state)
{
    (void)state;
    static const struct {
        enum oc_refusal_kind kind;
        const char *request, *part;
    } rows[] = {
        {OC_REFUSAL_PAIRING_REQUIRED, FAKE_PENDING_REQUEST,
         "openclaw devices approve " FAKE_PENDING_REQUEST},
        {OC_REFUSAL_REJECTED, "", "403 Forbidden"},
        {OC_REFUSAL_REVOKED, "", "403 Forbidden"},
        {OC_REFUSAL_BLOCKED, "", "openclaw devices unblock " FAKE_PENDING_ID},
        {OC_REFUSAL_BUSY, "", "openclaw pairing list"},
        {OC_REFUSAL_LOCKED, "", "openclaw gateway status"},
    };
    fake.probe = (struct oc_probe){.stopped_at = OC_PROBE_DONE, .has_pin = true};
    fake.has_outcome = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fake.outcome = (struct oc_outcome){.kind = OC_OUTCOME_REFUSED,
                                           .at_ms = FAKE_NOW_MS - 90 * 1000,
                                           .refusal = rows[i].kind,
                                           .why = OC_WHY_NEW_DEVICE};
        (void)oc_device_id_parse(FAKE_PENDING_ID, &fake.outcome.device_id);
        strcpy(fake.outcome.request_id.text, rows[i].request);
        struct ran ran = look_at_gateway();
        assert_int_equal(ran.code, EXIT_FAILED);
        assert_finding(&ran, "answer", "fail", rows[i].part);
        assert_finding(&ran, "answer", "fail", "(90s ago)");
        ran_free(&ran);
    }
}

static void an_answer_to_another_key_is_told_as_such(void **state)
{
    (void)state;
    fake.probe = (struct oc_probe){.stopped_at = OC_PROBE_DONE, .has_pin = true};
    fake.has_outcome = true;
    fake.outcome = (struct oc_outcome){.kind = OC_OUTCOME_CONNECTED, .at_ms = FAKE_NOW_MS};
    (void)oc_device_id_parse(FAKE_SECOND_ID, &fake.outcome.device_id);
    struct ran ran = look_at_gateway();
    assert_finding(&ran, "answer", "warn", FAKE_SECOND_ID);
    assert_finding(&ran, "answer", "warn", "pair this device anew");
    ran_free(&ran);
}

static void a_receipt_from_the_future_means_a_wrong_clock(void **state)
{
    (void)state;
    fake.probe = (struct oc_probe){.stopped_at = OC_PROBE_DONE, .has_pin = true};
    fake.n_known = 1;
    strcpy(fake.known[0].url, url);
    fake.known[0].receipt_at_ms = FAKE_NOW_MS + INT64_C(3600) * 1000;
    struct ran late = look_at_gateway();
    assert_finding(&late, "clock", "warn", "signed a receipt at 2026-11-22T13:00:00.000Z");
    fake.known[0].receipt_at_ms = FAKE_NOW_MS - 1000;
    struct ran good = look_at_gateway();
    assert_finding(&good, "clock", "ok", "2026-11-22T12:00:00.000Z");
    ran_free(&late);
    ran_free(&good);
}

static void nothing_at_all_is_a_failure_that_names_the_directory(void **state)
{
    (void)state;
    struct ran ran = RUN("doctor", "--data-dir", "/nonexistent/a");
    assert_int_equal(ran.code, EXIT_FAILED);
    assert_contains(ran.out, "/nonexistent/a holds neither an agent nor a gateway");
    assert_contains(ran.out, "openclaw gateway status");
    ran_free(&ran);
}

static void the_word_alone_is_the_command(void **state)
{
    (void)state;
    struct ran help = RUN("doctor", "--help");
    assert_int_equal(help.code, EXIT_DONE);
    assert_golden("help_doctor", help.out);
    struct ran more = RUN("doctor", "please");
    assert_int_equal(more.code, EXIT_USAGE);
    assert_contains(more.err, "doctor: one word too many: please; see openclaw doctor --help");
    struct ran option = RUN("doctor", "--nonsense");
    assert_int_equal(option.code, EXIT_USAGE);
    ran_free(&help);
    ran_free(&more);
    ran_free(&option);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_format_of_a_report_is_as_agreed, reset),
        cmocka_unit_test_setup(lines_break_between_words_on_a_terminal_and_never_in_a_command,
                               reset),
        cmocka_unit_test_setup(colour_marks_the_word_and_nothing_else, reset),
        cmocka_unit_test_setup(words_for_a_shell_are_quoted_where_they_must_be, reset),
        cmocka_unit_test_setup(the_mount_that_holds_a_path_is_found, reset),
        cmocka_unit_test_setup(a_volume_is_kept_and_a_layer_is_not, reset),
        cmocka_unit_test_setup(each_stage_has_a_cause_and_a_way_out, reset),
        cmocka_unit_test_setup(a_wrong_key_is_never_offered_as_a_pin, reset),
        cmocka_unit_test_setup(every_refusal_says_what_ends_it, reset),
        cmocka_unit_test_setup(an_answer_to_another_key_is_told_as_such, reset),
        cmocka_unit_test_setup(a_receipt_from_the_future_means_a_wrong_clock, reset),
        cmocka_unit_test_setup(nothing_at_all_is_a_failure_that_names_the_directory, reset),
        cmocka_unit_test_setup(the_word_alone_is_the_command, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
