/*
 * An audit trail that can be checked away from the gateway: signed checkpoints, exports as lines
 * of JSON, and a verifier that needs no gateway. server/store/README.md tells the bytes.
 *
 * A chain of hashes shows records that were edited, dropped or reordered. Only a checkpoint, signed
 * by the gateway's key and kept elsewhere, shows that the end was cut off, that all of it was made
 * anew, or that it is an older one: the verifier says what it could prove, and what it could not.
 *
 * Units:  times are Unix milliseconds, UTC.
 * Thread: any; of a verifier, one at a time.
 */
#pragma once

#include <openclaw/admin.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

enum {
    OC_AUDIT_KEY_BYTES = 91, /* a SubjectPublicKeyInfo of P-256; its SHA-256 is the pin */
    OC_AUDIT_MAX_SIGNATURE_BYTES = 72,
    OC_AUDIT_LINE_BYTES = 6144, /* no line is longer, with its newline and a NUL */
};

/* What the gateway's key signed: record `seq` was the last one, and this its hash. */
struct oc_audit_checkpoint {
    uint8_t gateway_id[16];
    uint8_t database_id[16];
    uint64_t epoch;
    uint64_t seq;          /* of the last record; 0: there was none */
    struct oc_digest hash; /* of the last record, which covers all before it */
    int64_t at_ms;
    uint8_t key[OC_AUDIT_KEY_BYTES];
    uint8_t n_signature;
    uint8_t signature[OC_AUDIT_MAX_SIGNATURE_BYTES];
    uint64_t reserved[4];
};

/* What an export begins with, or goes on with. */
struct oc_audit_header {
    uint8_t gateway_id[16];
    uint8_t database_id[16];
    uint8_t key[OC_AUDIT_KEY_BYTES]; /* as in the checkpoint at its end */
    uint64_t from_seq;               /* of the first record that follows; 1: the first there is */
    struct oc_digest previous;       /* hash of the record before it; 1: any, it is worked out */
    uint64_t reserved[4];
};

/*
 * Asks a gateway for a signed checkpoint of its audit as it is now.
 *
 * Fails:  as the calls of admin.h; UNAVAILABLE (locked, or its database cannot be read).
 * Thread: any; blocks until the answer or the client's time-out.
 */
OC_MUST_CHECK enum oc_status oc_admin_audit_checkpoint(struct oc_client *client,
                                                       struct oc_audit_checkpoint *out,
                                                       struct oc_error *err);

/* What records must be; "" and 0 are any. Filled in by the program. */
struct oc_audit_filter {
    char actor[OC_MAX_ACTOR_BYTES + 1]; /* "uid:0" */
    char action[24];
    char outcome[24];
    struct oc_request_id request_id;
    bool has_device_id;
    struct oc_device_id device_id;
    int64_t since_ms;     /* from this time on */
    int64_t until_ms;     /* before this time */
    uint64_t last_seq;    /* up to this record */
    uint64_t reserved[8]; /* zero: see version.h */
};
/*
 * As oc_admin_list_audit, of the records that pass the filter. A page may hold fewer than asked
 * for, even none: go on while next_after_seq is not 0.
 *
 * Units:  after_seq: 0 for the first page, else next_after_seq of the page before; with
 *         newest_first the pages go backwards.
 * Fails:  INVALID_ARGUMENT (cap); as the calls of admin.h.
 * Thread: any; blocks until the answer or the client's time-out.
 */
OC_MUST_CHECK enum oc_status oc_admin_search_audit(struct oc_client *client,
                                                   const struct oc_audit_filter *filter,
                                                   uint64_t after_seq, bool newest_first,
                                                   struct oc_audit_page *page,
                                                   struct oc_error *err);

/* ---- lines -------------------------------------------------------------------------------- */

/* Each writes one line of an export with its newline and a NUL, and returns its length without the
 * NUL. The same values give the same bytes, and nothing but ASCII. */
size_t oc_audit_format_header(const struct oc_audit_header *header, char out[OC_AUDIT_LINE_BYTES]);
size_t oc_audit_format_record(const struct oc_audit_record *record, char out[OC_AUDIT_LINE_BYTES]);
size_t oc_audit_format_checkpoint(const struct oc_audit_checkpoint *checkpoint,
                                  char out[OC_AUDIT_LINE_BYTES]);
/*
 * Reads a checkpoint's line, with or without newline; false unless it is exactly what is written
 * above. The signature is not looked at.
 *
 * Units:  n in bytes.
 */
bool oc_audit_parse_checkpoint(const char *line, size_t n, struct oc_audit_checkpoint *out);

/* ---- verifying ---------------------------------------------------------------------------- */

/* Reads an export once, from its first byte to its last. */
struct oc_audit_verifier;

/* What a verifier proved. */
struct oc_audit_proof {
    uint8_t gateway_id[16];
    uint8_t database_id[16];
    struct oc_digest pin; /* of the key that the export and its checkpoints name */
    bool is_pinned;       /* and it is the one that was given */
    bool is_from_first;   /* it begins with the first record there ever was */
    uint64_t first_seq;   /* 0: no record */
    uint64_t last_seq;    /* 0: no record */
    int64_t last_at_ms;
    struct oc_digest last_hash;
    uint64_t n_records;
    uint64_t signed_seq;  /* the checkpoint at its end was made of the records up to this ... */
    int64_t signed_at_ms; /* ... at this time, when there was none behind it */
    uint64_t epoch;
    uint64_t n_held;   /* checkpoints given apart that say the same of this history */
    uint64_t held_seq; /* the last record that one of them speaks of */
    int64_t held_at_ms;
    uint64_t n_not_covered; /* of them: of records before the first one here */
    uint64_t n_foreign;     /* of them: of earlier databases of this gateway */
    uint64_t n_given_up;    /* of them: of a history that an accepted rollback gave up ... */
    uint64_t given_up_seq;  /* ... which had gone up to this record */
    uint64_t n_cut_short;   /* lines at the end of a checkpoint file that are not whole */
    uint64_t reserved[16];
};

/*
 * A verifier of one export. With a pin, every key in it must have it; NULL: none is compared, and
 * whoever can write the export could have signed it with a key of their own.
 *
 * Owns:   release with oc_audit_verifier_free. NULL: out of memory.
 */
struct oc_audit_verifier *oc_audit_verifier_new(const struct oc_digest *pin);
/*
 * Releases it; accepts NULL.
 *
 * Owns:   takes the verifier.
 */
void oc_audit_verifier_free(struct oc_audit_verifier *verifier);

/*
 * Gives it checkpoints that were kept elsewhere, before the export: the whole text of a checkpoint
 * file. The newest of them must be of this very history, or of an older epoch of it.
 *
 * Units:  n in bytes.
 * Fails:  DATA_LOSS (a line is no checkpoint, or its signature is wrong; the text names the line);
 *         INVALID_ARGUMENT (there is no checkpoint in it); RESOURCE_EXHAUSTED.
 */
OC_MUST_CHECK enum oc_status oc_audit_verifier_add_checkpoints(struct oc_audit_verifier *verifier,
                                                               const char *text, size_t n,
                                                               struct oc_error *err);

/*
 * Takes the next bytes of the export, any number. Stops at the first thing that is wrong, and then
 * says the same of everything else.
 *
 * Units:  n in bytes.
 * Fails:  DATA_LOSS (the text names the first bad record and its line, and what is wrong with it).
 */
OC_MUST_CHECK enum oc_status oc_audit_verifier_feed(struct oc_audit_verifier *verifier,
                                                    const char *bytes, size_t n,
                                                    struct oc_error *err);

/*
 * The end of the export: what it is worth.
 *
 * Fails:  DATA_LOSS (as feed; it is cut short; a checkpoint that was given says otherwise). *out
 *         then tells how far it was good.
 */
OC_MUST_CHECK enum oc_status oc_audit_verifier_finish(struct oc_audit_verifier *verifier,
                                                      struct oc_audit_proof *out,
                                                      struct oc_error *err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
