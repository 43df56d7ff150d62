/* What an administrator reads: each refusal once with its fix, each session's start and end. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/obs/log.h"
#include "tests/support/service_fixture.h"

enum {
    MAX_LOG_BYTES = 64 * 1024,
};

struct scene {
    struct service_fixture fixture;
    int ends[2];
    char caught[MAX_LOG_BYTES];
    size_t n_caught;
    char id[OC_DEVICE_ID_DIGITS + 1]; /* of device 1 */
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    fixture_init(&scene->fixture);
    assert_int_equal(pipe2(scene->ends, O_NONBLOCK), 0);
    log_configure(&(struct log_options){.level = LOG_LEVEL_INFO,
                                        .fd = scene->ends[1],
                                        .monotonic = scene->fixture.monotonic.clock});
    fixture_start(&scene->fixture);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    fixture_stop(&scene->fixture);
    log_tell_suppressed_at_end(); /* the next test starts with nothing untold */
    log_configure(&(struct log_options){.level = LOG_LEVEL_INFO, .fd = STDERR_FILENO});
    close(scene->ends[0]);
    close(scene->ends[1]);
    free(scene);
    return 0;
}

/* Everything logged so far. */
static const char *logged(struct scene *scene)
{
    ssize_t n = 0;
    do {
        scene->n_caught += n > 0 ? (size_t)n : 0;
        n = read(scene->ends[0], scene->caught + scene->n_caught,
                 sizeof scene->caught - 1 - scene->n_caught);
    } while (n > 0);
    scene->caught[scene->n_caught] = '\0';
    return scene->caught;
}

static unsigned count(struct scene *scene, const char *wanted)
{
    unsigned n = 0;
    for (const char *at = strstr(logged(scene), wanted); at; at = strstr(at + 1, wanted)) {
        n++;
    }
    return n;
}

static void open_device(struct scene *scene, struct device *device, unsigned n)
{
    device_open(&scene->fixture, device, n);
    oc_device_id_format(&device->id, scene->id);
}

/* A line of the event about the device last opened, which goes on with `text`. */
static void wants_line(struct scene *scene, const char *event, const char *text)
{
    char line[1024];
    (void)snprintf(line, sizeof line, "%s device=%s %s", event, scene->id, text);
    if (!strstr(logged(scene), line)) {
        fail_msg("no line with: %s\nbut:\n%s", line, scene->caught);
    }
}

static void approve(struct scene *scene, const struct device *device)
{
    assert_int_equal(admin_decide_on(&scene->fixture, PAIRING_EV_APPROVE, &device->id).status,
                     OC_OK);
}

static bool has_ended(void *user)
{
    return count(user, "session.ended") > 0;
}

static bool has_summary(void *user)
{
    return count(user, "log.suppressed") > 0;
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void a_refusal_is_told_once_with_its_reason_and_the_command_that_mends_it(void **state)
{
    struct scene *scene = *state;
    struct device device;
    char wanted[512];
    open_device(scene, &device, 1);
    struct connect_result result = device_connect(&device);
    const char *request = result.refusal.request_id.text;
    (void)snprintf(wanted, sizeof wanted,
                   "request=%s refusal=pairing_required why=new_device reason=\"new device: this "
                   "gateway has never seen this key\" fix=\"openclaw devices approve %s\" "
                   "retry_in_s=0 source=203.0.113.9 claims=web-1\n",
                   request, request);
    wants_line(scene, "warn device.refused", wanted);
    for (int i = 0; i < 5; i++) {
        (void)device_connect(&device);
    }
    assert_int_equal(count(scene, "device.refused"), 1);
    device_close(&device);
}

static void
what_was_left_out_is_told_when_the_minute_is_over_though_nothing_more_comes(void **state)
{
    struct scene *scene = *state;
    struct device device;
    char wanted[256];
    open_device(scene, &device, 2);
    for (int i = 0; i < 4; i++) {
        (void)device_connect(&device);
    }
    assert_int_equal(count(scene, "log.suppressed"), 0);
    fake_clock_advance(&scene->fixture.monotonic, LOG_LIMIT_WINDOW_MS);
    assert_true(eventually(has_summary, scene));
    (void)snprintf(wanted, sizeof wanted,
                   "warn log.suppressed count=3 of=device.refused source=203.0.113.9 subject=%s\n",
                   scene->id);
    assert_non_null(strstr(logged(scene), wanted));
    device_close(&device);
}

static void a_blocked_device_is_told_with_the_unblock(void **state)
{
    struct scene *scene = *state;
    struct device device;
    char wanted[256];
    open_device(scene, &device, 3);
    (void)device_connect(&device);
    (void)admin_decide_on(&scene->fixture, PAIRING_EV_BLOCK, &device.id);
    (void)device_connect(&device);
    (void)snprintf(wanted, sizeof wanted,
                   "request=none refusal=blocked why=blocked reason=\"blocked: an administrator "
                   "blocked this device\" fix=\"openclaw devices unblock %s\"",
                   scene->id);
    wants_line(scene, "device.refused", wanted);
    device_close(&device);
}

static void a_rejected_device_is_told_with_what_admits_it_after_all(void **state)
{
    struct scene *scene = *state;
    struct device device;
    char wanted[256];
    open_device(scene, &device, 4);
    (void)device_connect(&device);
    (void)admin_decide_on(&scene->fixture, PAIRING_EV_REJECT, &device.id);
    (void)device_connect(&device);
    (void)snprintf(wanted, sizeof wanted, "fix=\"openclaw devices expect %s\" retry_in_s=60",
                   scene->id);
    assert_non_null(strstr(logged(scene), wanted));
    wants_line(scene, "pairing.rejected", "by=uid:0 state=rejected reason=none claims=web-1\n");
    device_close(&device);
}

static void a_full_queue_is_told_with_the_way_around_it(void **state)
{
    struct scene *scene = *state;
    struct device device;
    fixture_stop(&scene->fixture);
    fixture_init(&scene->fixture);
    scene->fixture.options.max_pending = 1;
    fixture_start(&scene->fixture);
    struct device first;
    open_device(scene, &first, 5);
    (void)device_connect(&first);
    open_device(scene, &device, 6);
    assert_int_equal(device_connect(&device).refusal.kind, OC_REFUSAL_BUSY);
    char wanted[256];
    (void)snprintf(wanted, sizeof wanted, "fix=\"openclaw devices expect %s\"", scene->id);
    assert_non_null(strstr(logged(scene), wanted));
    device_close(&device);
    device_close(&first);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void a_session_is_told_when_it_starts_and_why_it_ends(void **state)
{
    struct scene *scene = *state;
    struct device device;
    open_device(scene, &device, 7);
    (void)device_connect(&device);
    approve(scene, &device);
    wants_line(scene, "info pairing.approved", "request=");
    assert_true(device_connect(&device).has_session);
    assert_true(device_connect(&device).has_session); /* again, on the same connection */
    wants_line(scene, "info session.started",
               "name=none role=agent why=approved source=203.0.113.9 claims=web-1\n");
    fake_clock_advance(&scene->fixture.monotonic, 3000);
    assert_int_equal(admin_decide_on(&scene->fixture, PAIRING_EV_REVOKE, &device.id).status, OC_OK);
    wants_line(scene, "info session.ended", "why=revoked lasted_s=3 source=203.0.113.9\n");
    device_close(&device);
    assert_int_equal(count(scene, "session.started"), 1);
    assert_int_equal(count(scene, "session.ended"), 1);
}

/* It gets no second receipt: that says nothing of why it is let in. */
static void a_session_of_a_device_that_holds_its_receipt_is_told_as_approved(void **state)
{
    struct scene *scene = *state;
    struct device device;
    struct device back;
    open_device(scene, &device, 7);
    (void)device_connect(&device);
    approve(scene, &device);
    fake_clock_advance(&scene->fixture.clock, 1000);
    const struct connect_result first = device_connect(&device);
    assert_true(first.session.receipt.n_signature > 0);
    device_close(&device);
    open_device(scene, &back, 7);
    back.facts.has_receipt = true;
    back.facts.receipt = first.session.receipt;
    const struct connect_result second = device_connect(&back);
    assert_true(second.has_session);
    assert_int_equal(second.session.receipt.n_signature, 0);
    device_close(&back);
    assert_int_equal(count(scene, "why=approved"), 2);
    assert_int_equal(count(scene, "why=pairing_off"), 0);
}

static void a_session_that_needs_no_approval_is_told_so(void **state)
{
    struct scene *scene = *state;
    struct device device;
    fixture_stop(&scene->fixture);
    fixture_init(&scene->fixture);
    scene->fixture.options.pairing_required = false;
    fixture_start(&scene->fixture);
    device_open_trusted(&scene->fixture, &device, 7);
    oc_device_id_format(&device.id, scene->id);
    assert_true(device_connect(&device).has_session);
    wants_line(scene, "info session.started", "name=none role=agent why=pairing_off ");
    device_close(&device);
}

static void a_session_that_only_goes_away_is_told_with_how(void **state)
{
    struct scene *scene = *state;
    struct device device;
    open_device(scene, &device, 8);
    (void)device_connect(&device);
    approve(scene, &device);
    assert_true(device_connect(&device).has_session);
    device_close(&device);
    wants_line(scene, "session.ended", "why=\"the device left\" lasted_s=0");
}

static void a_session_that_a_newer_one_replaces_is_told_apart(void **state)
{
    struct scene *scene = *state;
    struct device device;
    struct device newer;
    open_device(scene, &device, 9);
    (void)device_connect(&device);
    approve(scene, &device);
    assert_true(device_connect(&device).has_session);
    open_device(scene, &newer, 9);
    assert_true(device_connect(&newer).has_session);
    assert_true(eventually(has_ended, scene));
    wants_line(scene, "session.ended", "why=superseded");
    device_close(&device);
    device_close(&newer);
    assert_int_equal(count(scene, "session.started"), 2);
    assert_int_equal(count(scene, "session.ended"), 2);
}

static void an_administrators_refused_decision_is_told(void **state)
{
    struct scene *scene = *state;
    struct device device;
    open_device(scene, &device, 10);
    (void)device_connect(&device);
    assert_int_not_equal(admin_decide_on(&scene->fixture, PAIRING_EV_REVOKE, &device.id).status,
                         OC_OK);
    assert_non_null(strstr(logged(scene), "warn pairing.not_decided action=revoke "
                                          "outcome=not_approved device="));
    assert_non_null(strstr(scene->caught, " by=uid:0 reason=\"the device is not approved: use "
                                          "reject for its request\"\n"));
    device_close(&device);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_refusal_is_told_once_with_its_reason_and_the_command_that_mends_it),
        TEST(what_was_left_out_is_told_when_the_minute_is_over_though_nothing_more_comes),
        TEST(a_blocked_device_is_told_with_the_unblock),
        TEST(a_rejected_device_is_told_with_what_admits_it_after_all),
        TEST(a_full_queue_is_told_with_the_way_around_it),
        TEST(a_session_is_told_when_it_starts_and_why_it_ends),
        TEST(a_session_of_a_device_that_holds_its_receipt_is_told_as_approved),
        TEST(a_session_that_needs_no_approval_is_told_so),
        TEST(a_session_that_only_goes_away_is_told_with_how),
        TEST(a_session_that_a_newer_one_replaces_is_told_apart),
        TEST(an_administrators_refused_decision_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
