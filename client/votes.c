/* The votes for a request: openclaw/votes.h. */
#include <openclaw/votes.h>
#include <string.h>

#include "client/client_internal.h"
#include "client/convert.h"

struct reading {
    const struct oc_request_id *wanted;
    struct oc_votes *out;
    bool is_there;
};

static bool take_votes(const Openclaw__V1__Device *device, struct oc_votes *out)
{
    *out = (struct oc_votes){.n_needed = device->votes_needed, .n_for_one = device->votes_so_far};
    if (device->n_votes > OC_MAX_VOTES) {
        return false;
    }
    for (size_t i = 0; i < device->n_votes; i++) {
        const Openclaw__V1__Vote *from = device->votes[i];
        struct oc_vote *vote = &out->items[out->n++];
        oc_take_text(from->by, vote->by, sizeof vote->by);
        vote->at_ms = from->at_ms;
        vote->is_otherwise = from->otherwise;
    }
    return true;
}

static void on_resolve(const Openclaw__V1__ResolveReply *reply, void *user)
{
    struct oc_blocking *call = user;
    struct reading *reading = call->out;
    const Openclaw__V1__Device *device = reply && reply->n_matches == 1 ? reply->matches[0] : NULL;
    bool ok = true;
    if (device && strcmp(device->request_id, reading->wanted->text) == 0) {
        reading->is_there = true;
        ok = take_votes(device, reading->out);
    }
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

enum oc_status oc_admin_read_votes(struct oc_client *client, const struct oc_request_id *request_id,
                                   struct oc_votes *out, struct oc_error *err)
{
    struct oc_votes votes = {.n = 0};
    struct reading reading = {.wanted = request_id, .out = &votes};
    Openclaw__V1__ResolveRequest request = OPENCLAW__V1__RESOLVE_REQUEST__INIT;
    request.selector = oc_put_text(request_id->text);
    struct oc_blocking call;
    oc_blocking_begin(&call, client, &openclaw__v1__admin_service__descriptor, &reading);
    openclaw__v1__admin_service__resolve(&call.proxy.base, &request, on_resolve, &call);
    enum oc_status st = oc_blocking_end(&call, err);
    if (!st && !reading.is_there) {
        return oc_fail(err, OC_NOT_FOUND, "no request %s is open", request_id->text);
    }
    if (!st) {
        *out = votes;
    }
    return st;
}
