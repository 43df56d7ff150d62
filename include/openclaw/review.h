/*
 * What a person should know of a device before deciding on it, beside its record: whom it could be
 * taken for, and what its open request says of itself.
 *
 * Units:  times are Unix milliseconds, UTC, 0 absent.
 * Owns:   results are plain values in memory the caller gives; nothing is to be released.
 * Thread: any.
 */
#pragma once

#include <openclaw/client.h>
#include <openclaw/device.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

enum {
    OC_MAX_LOOK_ALIKES = 8,
};

enum oc_resemblance {
    OC_RESEMBLES_NOT,
    OC_RESEMBLES_EXACTLY,    /* the same name */
    OC_RESEMBLES_CONFUSABLY, /* one that a glance takes for the same: accents, other alphabets */
};

/* An approved device that could be taken for the one under review. */
struct oc_look_alike {
    struct oc_device_id id;
    char alias[OC_MAX_NAME_BYTES + 1];        /* given by an administrator; "" none */
    char claimed_name[OC_MAX_NAME_BYTES + 1]; /* untrusted */
    enum oc_resemblance resemblance; /* of either name to the one that is claimed; never NOT */
    bool is_same_host;               /* both claim to run on one host */
    bool is_online;
    int64_t decided_at_ms;
    uint64_t reserved[8];
};

/* Made of one device by oc_admin_review. */
struct oc_review {
    struct oc_request_id request_id; /* the open one that this is of; "": none is open */
    struct oc_labels claimed_labels; /* untrusted; of that request, whatever oc_device.labels say */
    uint32_t code_tries_left;        /* wrong codes until its code is closed; 0: it is */
    size_t n_look_alikes;            /* the same name first, then by device id */
    struct oc_look_alike look_alikes[OC_MAX_LOOK_ALIKES];
    bool has_more_look_alikes;
    struct oc_grant approved_ask; /* what the last approval answered; role "": there was none */
    uint64_t reserved[186]; /* new fields stand before it and take their bytes from it: version.h */
};

/*
 * Reviews one device. Names are claims: a look-alike is a reason to look twice, and none is no
 * proof of anything. If `request_id` is not the one that was shown, another stands by now.
 *
 * Fails:  NOT_FOUND (no such device); UNIMPLEMENTED (an older gateway); as the calls of admin.h.
 */
OC_MUST_CHECK enum oc_status oc_admin_review(struct oc_client *client,
                                             const struct oc_device_id *id, struct oc_review *out,
                                             struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
