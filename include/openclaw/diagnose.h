/*
 * For whoever looks for a fault on an agent's host: what is remembered of gateways, what each said
 * last, and whether one can be reached. Nothing here changes anything, on either side: no key is
 * made, no pin recorded, no pairing requested, no session taken from a running agent.
 *
 * All results are plain values. `data_dir` NULL: the default one.
 *
 * Units:  times are Unix milliseconds, UTC, 0 absent.
 * Thread: any; the functions block on disk, oc_probe_gateway on the network.
 */
#pragma once

#include <openclaw/pairing.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

enum {
    OC_GATEWAY_URL_BYTES = 321,
    OC_MAX_KNOWN_GATEWAYS = 64,
};

/* ---- what this host remembers -------------------------------------------------------------- */

/* A gateway with a record or a last outcome under DATA_DIR/gateways. */
struct oc_known_gateway {
    char url[OC_GATEWAY_URL_BYTES]; /* "" when the record is damaged */
    char file[128];                 /* the name of the record in gateways/; "": none yet */
    char damage[128];               /* what is wrong with the record; "": nothing */
    struct oc_trust trust;
    uint64_t n_sessions;
    int64_t receipt_at_ms; /* when the gateway signed the approval; 0: no receipt */
    uint64_t reserved[8];
};

/*
 * Lists them, by name of file. *n gets how many there are, at most OC_MAX_KNOWN_GATEWAYS.
 * Fails: NOT_FOUND (no such directory); FAILED_PRECONDITION (its permissions); INTERNAL.
 */
OC_MUST_CHECK enum oc_status oc_list_gateways(const char *data_dir,
                                              struct oc_known_gateway out[OC_MAX_KNOWN_GATEWAYS],
                                              size_t *n, struct oc_error *err);

/* How an agent's last attempt went. */
enum oc_outcome_kind {
    OC_OUTCOME_CONNECTED, /* a session was given; it may have ended since */
    OC_OUTCOME_REFUSED,   /* refusal, why, request_id, retry_after_ms */
    OC_OUTCOME_FAILED,    /* status, text: not reached, not trusted, taken over, ... */
    OC_OUTCOME_COUNT
};

struct oc_outcome {
    enum oc_outcome_kind kind;
    int64_t at_ms;
    struct oc_device_id device_id; /* the key it was an answer to */
    enum oc_refusal_kind refusal;
    enum oc_why why;
    struct oc_request_id request_id; /* "": none */
    uint32_t retry_after_ms;
    enum oc_status status;
    char text[512]; /* one line, harmless to print */
    uint64_t reserved[8];
};

/*
 * What the agent of this data directory met last at a gateway; agents keep it from version 0.1.
 * Fails: NOT_FOUND (no attempt yet); INVALID_ARGUMENT (url); FAILED_PRECONDITION; DATA_LOSS.
 */
OC_MUST_CHECK enum oc_status oc_agent_last_outcome(const char *data_dir, const char *gateway_url,
                                                   struct oc_outcome *out, struct oc_error *err);

/* ---- whether a gateway can be reached ------------------------------------------------------ */

/* In the order in which they are passed. */
enum oc_probe_stage {
    OC_PROBE_RESOLVE,  /* the host's name has an address */
    OC_PROBE_CONNECT,  /* something accepts connections there */
    OC_PROBE_TLS,      /* it speaks TLS 1.3 */
    OC_PROBE_TRUST,    /* with a key that is trusted */
    OC_PROBE_GREETING, /* and then the protocol of a gateway */
    OC_PROBE_HEALTH,   /* it answers */
    OC_PROBE_DONE,
    OC_PROBE_STAGE_COUNT
};

/* Why a gateway's key is trusted; the first that applies. */
enum oc_trust_kind {
    OC_TRUST_GIVEN,    /* pins of the options */
    OC_TRUST_RECORDED, /* pins on disk */
    OC_TRUST_CA,
    OC_TRUST_FIRST_USE, /* nothing yet: any key would be taken, and recorded by an agent */
};

struct oc_probe_options {
    const char *gateway_url; /* tls+tcp://HOST:PORT */
    const char *data_dir;
    size_t n_pins; /* as in oc_agent_options, as are the next three */
    const struct oc_digest *pins;
    const char *ca_file;
    const char *server_name;
    uint32_t timeout_ms;   /* for everything but the resolver, which has its own; 0: 5,000 */
    uint64_t reserved[16]; /* zero: see version.h */
};

struct oc_probe {
    enum oc_probe_stage stopped_at; /* DONE: the gateway answered */
    enum oc_status status;          /* why it stopped; OK with DONE */
    int system_error;               /* errno of CONNECT; 0: none */
    char text[512];                 /* why it stopped, one line, harmless to print */
    char address[64]; /* that accepted the connection, else that was tried last; "": none */
    enum oc_trust_kind trust;
    bool has_pin; /* the gateway showed its key */
    struct oc_digest pin;
    enum oc_serving serving;
    uint32_t took_ms;
    uint64_t reserved[16];
};

/*
 * Goes through the stages and asks for the gateway's health, as a device does but without asking
 * for a session. The device's key is shown if there is one, else one made for this call.
 *
 * Fails: INVALID_ARGUMENT (url, pins, an unknown field); RESOURCE_EXHAUSTED; DATA_LOSS (the record
 *        of pins); FAILED_PRECONDITION (its permissions; a forked child). A gateway that cannot be
 *        reached is no failure: see *out.
 */
OC_MUST_CHECK enum oc_status oc_probe_gateway(const struct oc_probe_options *options,
                                              struct oc_probe *out, struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
