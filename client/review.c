/* What to know of a device before deciding on it: openclaw/review.h. */
#include <openclaw/review.h>
#include <string.h>

#include "client/client_internal.h"
#include "client/convert.h"

static bool take_look_alike(const Openclaw__V1__LookAlike *from, struct oc_look_alike *out)
{
    if (!oc_take_bytes(from->device_id, false, out->id.bytes, sizeof out->id.bytes)) {
        return false;
    }
    oc_take_text(from->alias, out->alias, sizeof out->alias);
    oc_take_text(from->claimed_name, out->claimed_name, sizeof out->claimed_name);
    out->resemblance = from->resemblance == OPENCLAW__V1__RESEMBLANCE__RESEMBLANCE_EXACT
                           ? OC_RESEMBLES_EXACTLY
                           : OC_RESEMBLES_CONFUSABLY;
    out->is_same_host = from->same_host;
    out->is_online = from->online;
    out->decided_at_ms = from->decided_at_ms;
    return true;
}

/* What does not fit is told of, so that a newer gateway's longer list hides nothing. */
static bool take_review(const Openclaw__V1__ReviewReply *from, struct oc_review *out)
{
    memset(out, 0, sizeof *out);
    if (!oc_take_request_id(from->request_id, &out->request_id) ||
        !oc_take_grant(from->approved_ask, &out->approved_ask) ||
        !oc_take_labels(from->claimed_labels, from->n_claimed_labels, &out->claimed_labels)) {
        return false;
    }
    out->code_tries_left = from->code_tries_left;
    out->has_more_look_alikes = from->has_more_look_alikes;
    for (size_t i = 0; i < from->n_look_alikes; i++) {
        if (i == OC_MAX_LOOK_ALIKES) {
            out->has_more_look_alikes = true;
            break;
        }
        if (!take_look_alike(from->look_alikes[i], &out->look_alikes[i])) {
            return false;
        }
        out->n_look_alikes++;
    }
    return true;
}

static void on_review(const Openclaw__V1__ReviewReply *reply, void *user)
{
    struct oc_blocking *call = user;
    bool ok = reply && take_review(reply, call->out);
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

enum oc_status oc_admin_review(struct oc_client *client, const struct oc_device_id *id,
                               struct oc_review *out, struct oc_error *err)
{
    Openclaw__V1__ReviewRequest request = OPENCLAW__V1__REVIEW_REQUEST__INIT;
    request.device_id = oc_put_bytes(id->bytes, sizeof id->bytes);
    struct oc_blocking call;
    oc_blocking_begin(&call, client, &openclaw__v1__admin_service__descriptor, out);
    openclaw__v1__admin_service__review(&call.proxy.base, &request, on_review, &call);
    return oc_blocking_end(&call, err);
}
