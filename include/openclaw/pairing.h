/*
 * A device's side: an identity on disk, trust in a gateway, and an agent that connects, explains
 * a refusal, waits for the decision, stays connected and reconnects by itself.
 *
 * `data_dir` NULL is that of oc_default_data_dir everywhere. What is read there must belong to this
 * user and be closed to others; what is written is whole or not written at all, also when several
 * processes write at once.
 *
 * Thread: any; what holds for fork() and callbacks is said in client.h. Functions that take a
 *         data_dir block on disk.
 */
#pragma once

#include <openclaw/client.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* ---- identity and trust on disk (under the data directory) -------------------------------- */

/* Which device this data directory makes of a process. */
struct oc_identity_info {
    struct oc_device_id device_id;
    char key_path[512]; /* of the private key: never to be copied to another host */
    bool was_created;   /* by this call */
    uint64_t reserved[8];
};
/*
 * Loads DATA_DIR/identity/device.key, or makes it if `may_create`. Never deletes or replaces a key;
 * of two that make it at once one wins, and both get that one.
 *
 * Fails:  NOT_FOUND (no key, and none may be made); FAILED_PRECONDITION (permissions: path, mode
 *         found and wanted are named; no data directory is known); INVALID_ARGUMENT (path too
 *         long); DATA_LOSS (the file is no key); RESOURCE_EXHAUSTED; INTERNAL (the file system).
 */
OC_MUST_CHECK enum oc_status oc_identity_info(const char *data_dir, bool may_create,
                                              struct oc_identity_info *out, struct oc_error *err);

enum {
    OC_MAX_PINS = 8, /* that are kept for a gateway */
};

/* The keys by which a gateway is known: any of the pins. */
struct oc_trust {
    size_t n_pins;
    struct oc_digest pins[OC_MAX_PINS]; /* SHA-256 of the gateway's SPKI */
    bool is_first_use;                  /* recorded at first contact, confirmed by nobody */
    uint64_t reserved[8];
};
/*
 * Reads the pins that are recorded for a gateway's address, tls+tcp://HOST:PORT.
 *
 * Fails:  NOT_FOUND (none is); INVALID_ARGUMENT (address, path too long); FAILED_PRECONDITION
 *         (permissions, no data directory is known); DATA_LOSS (a damaged record); INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_trust_load(const char *data_dir, const char *gateway_url,
                                           struct oc_trust *out, struct oc_error *err);
/*
 * Replaces the pins that are recorded for a gateway's address; none at all forgets them, so that
 * the next contact is a first use. Running agents take them at their next attempt.
 *
 * Fails:  as oc_trust_load, but for NOT_FOUND; INVALID_ARGUMENT also for too many pins and a field
 *         that this version does not know.
 */
OC_MUST_CHECK enum oc_status oc_trust_save(const char *data_dir, const char *gateway_url,
                                           const struct oc_trust *trust, struct oc_error *err);
/* Reads a pin as people copy it, "sha256:" and 64 hex digits, or the digits alone. False, *out as
 * it was, if it is none. */
bool oc_pin_parse(const char *text, struct oc_digest *out);

/* ---- the agent ---------------------------------------------------------------------------- */

/* A device that is kept connected, with a thread of its own. */
struct oc_agent;

/* What a refusal or the end of a session tells. Made by the library alone: it may grow. */
struct oc_refusal {
    enum oc_refusal_kind kind;
    uint32_t http_status;
    struct oc_request_id request_id; /* "": none */
    enum oc_why why;
    uint32_t retry_after_ms;       /* 0: not known */
    char code[OC_CODE_DIGITS + 2]; /* "4821-7730", computed here; "": none */
    const char *text;              /* the whole block to print, code included; ends in a newline */
};

/* What was granted. Made by the library alone: it may grow. */
struct oc_session {
    struct oc_grant granted;
    uint64_t generation;                     /* of the grant: grows with every change */
    struct oc_request_id upgrade_request_id; /* more was asked for, and waits; "": none */
    int64_t term_ends_at_ms;                 /* Unix milliseconds; 0: until revoked */
    char alias[OC_MAX_NAME_BYTES + 1];
    char upgrade_code[OC_CODE_DIGITS + 2]; /* of the upgrade, computed here; "": none */
};

/*
 * What an agent tells. All are called on the agent's own thread, one at a time, from
 * oc_agent_start until `stopped`; they must not block for long, and must not wait for the agent or
 * free it. Arguments are borrowed for the call. Any may be NULL. Filled in by the program.
 */
struct oc_agent_ops {
    /* First contact with a gateway nobody pinned: its pin was recorded. */
    void (*trusted_first_use)(void *user, const struct oc_digest *pin);
    /* At every refusal. The agent waits for the decision, tries again or stops by itself. */
    void (*refused)(void *user, const struct oc_refusal *refusal);
    void (*connected)(void *user, const struct oc_session *session);
    /* In a session: an administrator approved more, or less. */
    void (*grant_changed)(void *user, const struct oc_session *session);
    /* The session or the attempt ended; the agent goes on by itself after retry_ms. */
    void (*disconnected)(void *user, const struct oc_error *err, uint32_t retry_ms);
    /* The end: no more callbacks. Why: OC_OK after oc_agent_stop or `once`; PERMISSION_DENIED when
     * rejected, revoked or blocked; UNAUTHENTICATED when the gateway is not the pinned one. */
    void (*stopped)(void *user, enum oc_status why, const struct oc_error *err);
    void (*reserved[8])(void); /* NULL: see version.h */
};

/* Filled in by the program; all is copied. What is claimed is shown to administrators as such and
 * gives no right; texts are cut nowhere: one that is too long is refused. */
struct oc_agent_options {
    const char *gateway_url; /* tls+tcp://HOST:PORT */
    const char *data_dir;    /* NULL: the default */
    size_t n_pins;           /* at most OC_MAX_PINS; 0: what is recorded, else CA, else first use */
    const struct oc_digest *pins;
    const char *ca_file;     /* verify by CA and server_name instead; NULL: not */
    const char *server_name; /* NULL: the host of gateway_url */
    struct oc_grant ask; /* role "": the gateway's default role; and no scopes: its default grant */
    const char *name;    /* claimed; NULL: the host name */
    struct oc_labels labels; /* claimed */
    const char *purpose;     /* claimed; NULL: none */
    const char *version;     /* of the agent program; NULL: the library's */
    bool keeps_asking;       /* also after rejected and revoked (after retry_after) */
    bool is_once;            /* one attempt: stop after the first answer */
    const struct oc_agent_ops *ops;
    void *user;            /* the first argument of every callback */
    uint64_t reserved[16]; /* zero: see version.h */
};

/*
 * Makes the device's key if there is none and starts the agent's thread, which does the rest and
 * tells of it through `ops`; it never gives up by itself but for what `stopped` names. Whatever
 * the gateway does is told there and is no failure of this call.
 *
 * Owns:   *out: oc_agent_free.
 * Fails:  INVALID_ARGUMENT (an option; a field that this version does not know);
 *         FAILED_PRECONDITION also in a child of fork; and as oc_identity_info.
 */
OC_MUST_CHECK enum oc_status oc_agent_start(const struct oc_agent_options *options,
                                            struct oc_agent **out, struct oc_error *err);
/*
 * Asks it to stop and returns at once; `stopped` follows. May be called again.
 *
 * Thread: any, callbacks and signal handlers too (async-signal-safe).
 */
void oc_agent_stop(struct oc_agent *agent);
/*
 * Blocks until `stopped` has returned, and gives its status.
 *
 * Fails:  FAILED_PRECONDITION (a child of fork); else it is no failure but how the agent ended.
 * Thread: any but a callback's.
 */
enum oc_status oc_agent_wait(struct oc_agent *agent);

/*
 * Blocks until there is a session.
 *
 * Units:  timeout_ms: milliseconds; 0 looks and does not wait.
 * Fails:  DEADLINE_EXCEEDED (not in that time; the agent goes on); CANCELLED (it was stopped); the
 *         status with which it stopped by itself; FAILED_PRECONDITION (a child of fork).
 * Thread: any but a callback's.
 */
OC_MUST_CHECK enum oc_status oc_agent_wait_connected(struct oc_agent *agent, uint32_t timeout_ms);

/*
 * Stops it, waits until `stopped` has returned, and frees. Accepts NULL.
 *
 * Owns:   takes `agent`.
 * Thread: any but a callback's; nobody may use it any more.
 */
void oc_agent_free(struct oc_agent *agent);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
