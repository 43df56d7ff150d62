/*
 * What the gateway tells an administrator: devices, its own status, audit records, events.
 *
 * All types are plain values of fixed size without pointers. Times are Unix milliseconds, 0 absent.
 * What is marked untrusted was claimed by a device: escape it before printing.
 */
#pragma once

#include <openclaw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    OC_CURSOR_BYTES = 80,
    OC_MAX_LIST_PAGE = 500,
    OC_MAX_AUDIT_PAGE = 256,
    OC_MAX_MATCHES = 16,
};

struct oc_device {
    struct oc_device_id id;
    char alias[OC_MAX_NAME_BYTES + 1];
    char claimed_name[OC_MAX_NAME_BYTES + 1]; /* untrusted */
    enum oc_state state;
    enum oc_standing standing;
    struct oc_request_id request_id; /* of the open request; "" none */
    struct oc_digest ask_digest;
    enum oc_why why;
    struct oc_grant asked;
    struct oc_grant granted; /* role "": none */
    struct oc_labels labels;
    char purpose[OC_MAX_PURPOSE_BYTES + 1];   /* untrusted */
    char platform[OC_MAX_PLATFORM_BYTES + 1]; /* untrusted */
    char version[OC_MAX_VERSION_BYTES + 1];   /* untrusted */
    char source[OC_MAX_SOURCE_BYTES + 1];
    int64_t first_seen_at_ms;
    int64_t requested_at_ms;
    int64_t decided_at_ms;
    char decided_by[OC_MAX_ACTOR_BYTES + 1];
    int64_t expires_at_ms;
    int64_t last_seen_at_ms;
    bool is_online;
    bool is_expected;
    bool is_quarantined;
    bool is_removed;
    bool can_check_code;
    uint64_t generation;
    /* What devices claim of the hosts they run on; it explains and never grants. */
    uint64_t host_group;           /* the same for all devices of one host; 0: the only one there */
    uint32_t n_same_host_devices;  /* listed devices of its host, itself included; 0: not claimed */
    uint32_t n_same_host_requests; /* of them waiting */
    uint64_t reserved[30]; /* new fields stand before it and take their bytes from it: version.h */
};

struct oc_listener_info {
    char door[16];
    char address[128];
};
struct oc_counter {
    char name[64];
    uint64_t value;
};
struct oc_gateway_status {
    char version[33];
    char lock_reason[256]; /* "": serving */
    uint8_t gateway_id[16];
    uint8_t database_id[16];
    uint64_t epoch;
    uint64_t seq;
    struct oc_digest spki_sha256; /* the pin to give to agents */
    size_t n_listeners;
    struct oc_listener_info listeners[16];
    bool pairing_required;
    int64_t started_at_ms;
    uint64_t n_pending, n_approved, n_revoked, n_blocked, n_online, n_quarantined;
    size_t n_counters;
    struct oc_counter counters[64];
    char store[64];
    uint32_t pid;
    /* While the store cannot be written, approvals are refused and withdrawals are kept in force;
     * `store_error` says why in words, `store_cause` in one: "disk_full", "disk_fails",
     * "store_fails". "": it works. */
    char store_error[256];
    char store_cause[24];
    int64_t store_failing_since_ms;
    int64_t store_last_write_ms; /* the last that worked since the start */
    uint64_t n_unsaved;          /* withdrawals in force that are not on disk yet */
    uint64_t reserved[90];
};

struct oc_audit_record {
    uint64_t seq;
    int64_t at_ms;
    char actor[OC_MAX_ACTOR_BYTES + 1];
    char source[OC_MAX_SOURCE_BYTES + 1];
    char action[24];
    char outcome[24];
    struct oc_device_id device_id;
    struct oc_request_id request_id;
    char before[24];
    char after[24];
    char reason[OC_MAX_REASON_BYTES + 1];
    char rule[33];
    char detail[256];
    struct oc_digest hash;
    uint64_t reserved[8];
};

struct oc_event {
    uint64_t seq;
    int64_t at_ms;
    char action[24];
    struct oc_device device; /* as it is now */
    uint64_t reserved[8];
};

#ifdef __cplusplus
}
#endif
