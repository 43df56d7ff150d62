/*
 * What a person should know of a device before deciding on it, beside the record itself: approved
 * devices whose names could be taken for its own, and what its open request says of itself.
 *
 * Answered from memory. Looking for names reads those of every approved device, one shard at a
 * time, and so is for one device that somebody looks at, never for lists.
 */
#pragma once

#include "server/domain/resemblance.h"
#include "server/service/admin_service.h"

enum {
    REVIEW_MOST_LOOK_ALIKES = 8,
};

struct review_look_alike {
    enum resemblance resemblance;
    bool is_same_host; /* as both claim */
    struct device_view view;
};

struct review_result {
    struct oc_request_id request_id; /* the open one; "": none. All that follows is of it */
    struct oc_labels claimed_labels;
    uint8_t code_tries_left; /* 0: its code is closed, or there is no request */
    size_t n_look_alikes;    /* the exact ones first, then by device id */
    struct review_look_alike look_alikes[REVIEW_MOST_LOOK_ALIKES];
    bool has_more_look_alikes;
    struct oc_grant approved_ask; /* what the last approval answered; role "": there was none */
};

/* False when nothing is known of the device. *out is large: keep it on the heap. Thread: any. */
bool admin_review(struct service *service, const struct oc_device_id *id,
                  struct review_result *out);
