/*
 * A device's side: an identity on disk, trust in a gateway, and an agent that connects, explains
 * a refusal, waits for the decision, stays connected and reconnects by itself.
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

struct oc_identity_info {
    struct oc_device_id device_id;
    char key_path[512];
    bool was_created; /* by this call */
    uint64_t reserved[8];
};
/* Loads DATA_DIR/identity/device.key, or makes it if `may_create`. data_dir NULL: the default.
 * Fails: NOT_FOUND; FAILED_PRECONDITION (permissions: path, mode found and wanted are named);
 *        DATA_LOSS (not a key). Never deletes or replaces a key. */
OC_MUST_CHECK enum oc_status oc_identity_info(const char *data_dir, bool may_create,
                                              struct oc_identity_info *out, struct oc_error *err);

enum {
    OC_MAX_PINS = 8,
};
struct oc_trust {
    size_t n_pins;
    struct oc_digest pins[OC_MAX_PINS]; /* SHA-256 of the gateway's SPKI */
    bool is_first_use;                  /* recorded at first contact, confirmed by nobody */
    uint64_t reserved[8];
};
/* Reads or replaces the pins recorded for a gateway address. Fails (load): NOT_FOUND. */
OC_MUST_CHECK enum oc_status oc_trust_load(const char *data_dir, const char *gateway_url,
                                           struct oc_trust *out, struct oc_error *err);
OC_MUST_CHECK enum oc_status oc_trust_save(const char *data_dir, const char *gateway_url,
                                           const struct oc_trust *trust, struct oc_error *err);
/* Reads "sha256:HEX" (or HEX alone). */
bool oc_pin_parse(const char *text, struct oc_digest *out);

/* ---- the agent ---------------------------------------------------------------------------- */

struct oc_agent;

/* What a refusal or the end of a session tells. Made by the library alone: it may grow. */
struct oc_refusal {
    enum oc_refusal_kind kind;
    uint32_t http_status;
    struct oc_request_id request_id; /* "": none */
    enum oc_why why;
    uint32_t retry_after_ms;
    char code[OC_CODE_DIGITS + 2]; /* "4821-7730", computed here; "": none */
    const char *text;              /* the whole block to print, code included; ends in a newline */
};

/* Made by the library alone: it may grow. */
struct oc_session {
    struct oc_grant granted;
    uint64_t generation;
    struct oc_request_id upgrade_request_id; /* "": none */
    int64_t term_ends_at_ms;                 /* 0: until revoked */
    char alias[OC_MAX_NAME_BYTES + 1];
};

/* Called on the agent's own thread, one at a time; must not block for long, must not call
 * oc_agent_free. Any may be NULL. Arguments are borrowed for the call. */
struct oc_agent_ops {
    /* First contact with a gateway nobody pinned: its pin was recorded. */
    void (*trusted_first_use)(void *user, const struct oc_digest *pin);
    void (*refused)(void *user, const struct oc_refusal *refusal);
    void (*connected)(void *user, const struct oc_session *session);
    void (*grant_changed)(void *user, const struct oc_session *session);
    /* The session or the attempt ended; the agent goes on by itself after retry_ms. */
    void (*disconnected)(void *user, const struct oc_error *err, uint32_t retry_ms);
    /* The end: no more callbacks. Why: OC_OK after oc_agent_stop or `once`; PERMISSION_DENIED when
     * rejected, revoked or blocked; UNAUTHENTICATED when the gateway is not the pinned one. */
    void (*stopped)(void *user, enum oc_status why, const struct oc_error *err);
    void (*reserved[8])(void); /* NULL: see version.h */
};

struct oc_agent_options {
    const char *gateway_url; /* tls+tcp://HOST:PORT */
    const char *data_dir;    /* NULL: the default */
    size_t n_pins;           /* 0: what is recorded, else CA, else first use */
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
    void *user;
    uint64_t reserved[16]; /* zero: see version.h */
};

/*
 * Starts the agent's thread. Strings are copied.
 * Owns:  oc_agent_free.
 * Fails: INVALID_ARGUMENT, and as oc_identity_info.
 */
OC_MUST_CHECK enum oc_status oc_agent_start(const struct oc_agent_options *options,
                                            struct oc_agent **out, struct oc_error *err);
/* Asks it to stop; stopped() follows. Any thread, and async-signal-safe. */
void oc_agent_stop(struct oc_agent *agent);
/* Blocks until stopped() has returned; gives its status. */
enum oc_status oc_agent_wait(struct oc_agent *agent);
/* Blocks until there is a session: OK; the final status if the agent stopped instead;
 * DEADLINE_EXCEEDED after timeout_ms. */
OC_MUST_CHECK enum oc_status oc_agent_wait_connected(struct oc_agent *agent, uint32_t timeout_ms);
/* Stops, waits and frees. Accepts NULL. */
void oc_agent_free(struct oc_agent *agent);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
