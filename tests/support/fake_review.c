/* Reviews and lost answers of the double of libopenclaw; see fake_openclaw.h. */
#include <stdio.h>
#include <string.h>

#include "tests/support/fake_openclaw.h"

void oc_make_idempotency_key(uint8_t out[OC_KEY_ID_BYTES])
{
    static uint8_t n;
    memset(out, ++n, OC_KEY_ID_BYTES);
}

bool fake_is_answer_lost(const struct oc_decision *decision, struct oc_error *err)
{
    const bool is_repeated = fake.n_decisions > 0 &&
                             memcmp(fake.last_decision.idempotency_key, decision->idempotency_key,
                                    sizeof decision->idempotency_key) == 0;
    fake.n_decisions++;
    fake.n_repeated += is_repeated ? 1 : 0;
    fake.last_decision = *decision;
    if (fake.n_lost == 0) {
        return false;
    }
    fake.n_lost--;
    (void)oc_fail(err, OC_UNAVAILABLE, "the gateway closed the connection");
    err->is_outcome_unknown = true;
    return true;
}

enum oc_status oc_admin_review(struct oc_client *client, const struct oc_device_id *id,
                               struct oc_review *out, struct oc_error *err)
{
    (void)client;
    if (fake.reads_fail_with) {
        return oc_fail(err, fake.reads_fail_with, "the fake fails");
    }
    if (fake.is_too_old_to_review) {
        return oc_fail(err, OC_UNIMPLEMENTED, "no such method");
    }
    for (size_t i = 0; i < fake.n_devices; i++) {
        const struct oc_device *device = &fake.devices[i];
        if (oc_device_id_equal(&device->id, id)) {
            *out = fake.review;
            out->request_id = device->request_id;
            out->claimed_labels = device->labels;
            if (device->granted.role[0] != '\0') {
                out->approved_ask = device->granted;
            }
            if (fake.review_of) {
                (void)strncpy(out->request_id.text, fake.review_of, OC_REQUEST_ID_CHARS);
                out->request_id.text[OC_REQUEST_ID_CHARS] = '\0';
            }
            return OC_OK;
        }
    }
    return oc_fail(err, OC_NOT_FOUND, "nothing of that id");
}

#define SET(field, text) (void)snprintf((field), sizeof(field), "%s", (text))

void fake_be_hostile(void)
{
    struct oc_device *device = &fake.devices[0];
    struct oc_look_alike *other = &fake.review.look_alikes[0];
    SET(device->claimed_name,
        "\xd7\x90\xd7\x91 approved by uid:0\x1b[1A\r  state      approved\xe2\x80\xae");
    SET(device->purpose, "0123456789012345678901234567890123456789\n  state      approved");
    SET(device->platform, "linux\r  state      approved");
    fake.review.n_look_alikes = 1;
    other->resemblance = OC_RESEMBLES_CONFUSABLY;
    (void)oc_device_id_parse(FAKE_APPROVED_ID, &other->id);
    SET(other->claimed_name, "\x1b]0;approved\a\xd7\x90");
}
