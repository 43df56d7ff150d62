/*
 * What the gateway tells an administrator: devices, its own status, audit records, events.
 *
 * All types are plain values of fixed size without pointers. Text is NUL-terminated UTF-8. What is
 * marked untrusted was claimed by a device: believe nothing of it, and escape it before printing.
 * Units:  times are Unix milliseconds, UTC, 0 absent.
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

/* One device, as every list, decision and event shows it. */
struct oc_device {
    struct oc_device_id id;
    char alias[OC_MAX_NAME_BYTES + 1];        /* given by an administrator; "" none */
    char claimed_name[OC_MAX_NAME_BYTES + 1]; /* untrusted */
    enum oc_state state;
    enum oc_standing standing;
    struct oc_request_id request_id;        /* of the open request; "" none */
    struct oc_digest ask_digest;            /* of the open request: an approval names both */
    enum oc_why why;                        /* it has to ask; NONE: it has not */
    struct oc_grant asked;                  /* by the open request, else by the approved one */
    struct oc_grant granted;                /* role "": none */
    struct oc_labels labels;                /* untrusted until approved, then the administrator's */
    char purpose[OC_MAX_PURPOSE_BYTES + 1]; /* untrusted */
    char platform[OC_MAX_PLATFORM_BYTES + 1]; /* untrusted */
    char version[OC_MAX_VERSION_BYTES + 1];   /* untrusted */
    char source[OC_MAX_SOURCE_BYTES + 1];     /* address of the last attempt */
    int64_t first_seen_at_ms;
    int64_t requested_at_ms; /* the open request */
    int64_t decided_at_ms;
    char decided_by[OC_MAX_ACTOR_BYTES + 1]; /* "uid:0", "gateway" */
    int64_t expires_at_ms;                   /* end of the approval's term; 0: until revoked */
    int64_t last_seen_at_ms;
    bool is_online;
    bool is_expected;    /* announced by an administrator */
    bool is_quarantined; /* its record failed authentication: it gets no session */
    bool is_removed;     /* only what explains a later request is left */
    bool can_check_code; /* the agent is connected and has revealed its nonce */
    uint64_t generation; /* of the grant: grows with every change */
    /* What devices claim of the hosts they run on; it explains and never grants. */
    uint64_t host_group;           /* the same for all devices of one host; 0: the only one there */
    uint32_t n_same_host_devices;  /* listed devices of its host, itself included; 0: not claimed */
    uint32_t n_same_host_requests; /* of them waiting */
    /* Where several administrators must agree to the open request: see openclaw/votes.h. */
    uint32_t n_votes_needed; /* to approve it as asked; 0: one is enough */
    uint32_t n_votes;        /* for one and the same grant, of that with the most */
    uint64_t reserved[29]; /* new fields stand before it and take their bytes from it: version.h */
};

/* Where a gateway listens. */
struct oc_listener_info {
    char door[16]; /* "devices", "local", "metrics" */
    char address[128];
};

/* One of the gateway's counts since it started. */
struct oc_counter {
    char name[64];
    uint64_t value;
};

/* What strangers hold of something that is capped; the totals count since the gateway started. */
struct oc_cap_use {
    char name[24]; /* open_requests, unapproved_connections, unfinished_handshakes, arrivals */
    uint64_t in_use, limit, limit_per_source;
    uint64_t refused; /* newcomers */
    uint64_t shed;    /* holders that made room for a newcomer from an emptier source */
};

/* A gateway's own status. */
struct oc_gateway_status {
    char version[33];
    char lock_reason[256]; /* "": serving */
    uint8_t gateway_id[16], database_id[16];
    uint64_t epoch;               /* grows when a gateway is unlocked */
    uint64_t seq;                 /* of the last change */
    struct oc_digest spki_sha256; /* the pin to give to agents */
    size_t n_listeners;
    struct oc_listener_info listeners[16];
    bool pairing_required; /* false: everyone is let in */
    int64_t started_at_ms;
    uint64_t n_pending, n_approved, n_revoked, n_blocked, n_online, n_quarantined;
    size_t n_counters;
    struct oc_counter counters[64];
    char store[64];
    uint32_t pid;
    /* While the store cannot be written, approvals are refused and withdrawals are kept in force;
     * `store_error` says why in words, `store_cause` in one: "disk_full", "disk_fails",
     * "store_fails", "marker_fails". "": it works. */
    char store_error[256];
    char store_cause[24];
    int64_t store_failing_since_ms;
    int64_t store_last_write_ms; /* the last that worked since the start */
    uint64_t n_unsaved;          /* withdrawals in force that are not on disk yet */
    size_t n_caps;
    struct oc_cap_use caps[4];
    uint64_t n_forgotten;    /* records of strangers, since the start */
    uint64_t checkpoint_seq; /* of the audit's last checkpoint that was kept since the start */
    int64_t checkpoint_at_ms;
    char checkpoint_error[256]; /* why the newest could not be; "": it was */
    /* While locked: audit records that a checkpoint tells of and that are not there; 0: none is
     * known. The last one that is there is of missing_since_ms. */
    uint64_t missing_from_seq, missing_to_seq;
    int64_t missing_since_ms;
    int64_t admin_ca_ends_ms;       /* 0: there is no admin CA */
    uint64_t n_certificates_ending; /* administrators whose last certificate ends within 30 days */
    int64_t certificate_ends_ms;    /* of the first of them */
    char certificate_ending_name[72]; /* who that is; "": nobody */
    bool is_admin_door_shut;          /* listen.admin is set, and there is no admin CA */
    uint8_t reserved_bytes[7];
    uint64_t reserved[6];
};

/* A decision, or a call that was refused; each holds the hash of the one before. */
struct oc_audit_record {
    uint64_t seq;
    int64_t at_ms;
    char actor[OC_MAX_ACTOR_BYTES + 1];   /* "uid:0", "device", "gateway" */
    char source[OC_MAX_SOURCE_BYTES + 1]; /* "local", or address; "203.0.113.9 cert:9f3c..." */
    char action[24];                      /* "approve" */
    char outcome[24];                     /* "done", or why it was refused */
    struct oc_device_id device_id;
    struct oc_request_id request_id;
    char before[24], after[24];           /* words for states */
    char reason[OC_MAX_REASON_BYTES + 1]; /* as the administrator gave it */
    char rule[33];                        /* what decided, if not a person; "" a person */
    char detail[256];                     /* the grant, in words, and whom it was given to */
    struct oc_digest hash;                /* of this record and the one before */
    uint64_t reserved[8];
};

/* A change of a device's record, or of something else the gateway keeps ("admin.issue"): then the
 * device's id is zeros. */
struct oc_event {
    uint64_t seq;
    int64_t at_ms;
    char action[24];         /* as in the audit */
    struct oc_device device; /* as it is now */
    uint64_t reserved[8];
};

#ifdef __cplusplus
}
#endif
