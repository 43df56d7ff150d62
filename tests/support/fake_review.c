/* Reviews of the double of libopenclaw; see fake_openclaw.h. */
#include <string.h>

#include "tests/support/fake_openclaw.h"

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
            if (fake.review_of) {
                (void)strncpy(out->request_id.text, fake.review_of, OC_REQUEST_ID_CHARS);
                out->request_id.text[OC_REQUEST_ID_CHARS] = '\0';
            }
            return OC_OK;
        }
    }
    return oc_fail(err, OC_NOT_FOUND, "nothing of that id");
}
