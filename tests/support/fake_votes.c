/* The part of the double that knows votes. */
#include "tests/support/fake_openclaw.h"

enum oc_status oc_admin_read_votes(struct oc_client *client, const struct oc_request_id *request_id,
                                   struct oc_votes *out, struct oc_error *err)
{
    (void)client;
    (void)request_id;
    if (fake.reads_fail_with) {
        return oc_fail(err, fake.reads_fail_with, "the double fails");
    }
    *out = fake.votes;
    return OC_OK;
}

bool fake_settle(const struct oc_device *device, struct oc_decision_result *out)
{
    *out = fake.vote;
    out->device = *device;
    out->seq = 42;
    out->session_closed = device->is_online;
    return !fake.vote.is_vote;
}
