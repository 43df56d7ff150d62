/* Review: what to know of a device before deciding on it. */
#include <stdlib.h>

#include "server/rpc/convert_fields.h"
#include "server/rpc/convert_out.h"
#include "server/rpc/handlers.h"
#include "server/service/review.h"

/* The schema's numbers are the vocabulary's. */
_Static_assert((int)OPENCLAW__V1__RESEMBLANCE__RESEMBLANCE_EXACT == RESEMBLES_EXACTLY, "words");
_Static_assert((int)OPENCLAW__V1__RESEMBLANCE__RESEMBLANCE_CONFUSABLE == RESEMBLES_CONFUSABLY,
               "words");

struct review_message {
    Openclaw__V1__ReviewReply reply;
    Openclaw__V1__LookAlike look_alikes[REVIEW_MOST_LOOK_ALIKES];
    Openclaw__V1__LookAlike *look_alike_pointers[REVIEW_MOST_LOOK_ALIKES];
    struct grant_message approved_ask;
    Openclaw__V1__Label labels[OC_MAX_LABELS];
    Openclaw__V1__Label *label_pointers[OC_MAX_LABELS];
};

static void look_alike_out(struct review_look_alike *from, Openclaw__V1__LookAlike *out)
{
    struct pairing *pairing = &from->view.pairing;
    openclaw__v1__look_alike__init(out);
    out->device_id = (ProtobufCBinaryData){sizeof pairing->id.bytes, pairing->id.bytes};
    out->alias = pairing->alias;
    out->claimed_name = pairing->claimed_name;
    out->resemblance = (Openclaw__V1__Resemblance)from->resemblance;
    out->same_host = from->is_same_host;
    out->online = from->view.is_online;
    out->decided_at_ms = pairing->decided_ms;
}

static void fill(struct review_result *result, struct review_message *out)
{
    Openclaw__V1__ReviewReply *reply = &out->reply;
    openclaw__v1__review_reply__init(reply);
    reply->request_id = result->request_id.text;
    reply->code_tries_left = result->code_tries_left;
    reply->has_more_look_alikes = result->has_more_look_alikes;
    reply->approved_ask = convert_grant_out(&result->approved_ask, &out->approved_ask);
    reply->n_look_alikes = result->n_look_alikes;
    reply->look_alikes = out->look_alike_pointers;
    for (size_t i = 0; i < result->n_look_alikes; i++) {
        look_alike_out(&result->look_alikes[i], &out->look_alikes[i]);
        out->look_alike_pointers[i] = &out->look_alikes[i];
    }
    reply->n_claimed_labels = result->claimed_labels.n;
    reply->claimed_labels = out->label_pointers;
    for (size_t i = 0; i < result->claimed_labels.n; i++) {
        openclaw__v1__label__init(&out->labels[i]);
        out->labels[i].key = result->claimed_labels.items[i].key;
        out->labels[i].value = result->claimed_labels.items[i].value;
        out->label_pointers[i] = &out->labels[i];
    }
}

static void answer(struct call *call, const struct oc_device_id *id, struct review_result *result)
{
    struct review_message message;
    struct oc_error err;
    if (admin_review(dispatch_service(call->dispatch), id, result)) {
        fill(result, &message);
        call_reply(call, &message.reply.base);
    } else {
        (void)oc_fail(&err, OC_NOT_FOUND, "no such device");
        call_fail(call, &err);
    }
}

void handle_review(struct call *call, const ProtobufCMessage *request)
{
    const Openclaw__V1__ReviewRequest *in = (const Openclaw__V1__ReviewRequest *)request;
    struct oc_device_id id;
    struct oc_error err;
    if (field_take_device_id(in->device_id, &id, &err)) {
        call_fail(call, &err);
        return;
    }
    struct review_result *result = calloc(1, sizeof *result);
    if (!result) {
        (void)oc_fail(&err, OC_RESOURCE_EXHAUSTED, "review: out of memory");
        call_fail(call, &err);
        return;
    }
    answer(call, &id, result);
    free(result);
}
