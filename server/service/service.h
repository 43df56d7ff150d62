/*
 * The services' common ground: the index of records, the writer, the notifier and the clockwork,
 * built once by app.c and used by every door.
 *
 * Threads: calls arrive on connection threads and never block on disk. What changes something is
 * queued to the writer; its answer comes from the notifier thread, after the commit. Lock order:
 * shard, then nothing; no lock is held while a callback runs.
 */
#pragma once

#include "proto/crypto/admin_ca.h"
#include "proto/crypto/checkpoint.h"
#include "proto/crypto/receipt.h"
#include "server/base/clock.h"
#include "server/base/random.h"
#include "server/domain/bound.h"
#include "server/service/missing_facts.h"
#include "server/service/voting.h"
#include "server/store/marker.h"

struct service;
struct reload_report;

/* What was kept of the audit's checkpoints. */
struct checkpoint_kept {
    uint64_t seq;    /* of the last one that is durable elsewhere, since the start; 0: none */
    int64_t at_ms;   /* of its making; 0: none */
    char error[256]; /* why the newest is not; "": it is */
};

/* Where signed checkpoints go. */
struct checkpoint_sink {
    int64_t every_ms; /* at the latest, while there are new rows */
    /* Never blocks; on the writer's thread. NULL: they go nowhere. */
    void (*keep)(void *user, const struct oc_audit_checkpoint *checkpoint);
    void (*read)(void *user, struct checkpoint_kept *out); /* any thread */
    void *user;
};

struct service_options {
    struct store *store;     /* NULL when the gateway starts locked without one; taken */
    enum store_lock lock;    /* why the gateway starts locked; STORE_LOCK_NONE: serves */
    const char *marker_path; /* NULL: no marker (tests) */
    const char *backup_dir;  /* where backups go; NULL: none are made; borrowed */
    const struct oc_identity *gateway_identity; /* signs receipts, names the pin; borrowed */
    const struct oc_key *secret; /* request ids and nonces are derived from it; copied */
    struct policy policy;
    struct oc_grant default_grant;   /* for devices that ask for nothing */
    uint32_t heartbeat_ms;           /* told to agents */
    unsigned max_pending;            /* open requests in all */
    unsigned max_pending_per_source; /* and per source */
    /* Whether a source is no single one (a NAT) and has no cap of its own; NULL: none is. */
    bool (*is_exempt)(void *user, const char *source);
    void *is_exempt_user;
    /* Whether a source may have sessions while pairing is not required; NULL: each may. Asked at
     * every Connect, as the answer may change. */
    bool (*is_trusted)(void *user, const char *source);
    void *is_trusted_user;
    unsigned max_queue;        /* changes waiting for the writer; 0: 4096 */
    bool pairing_required;     /* false: devices from allowed sources get the default grant */
    const struct clock *clock; /* borrowed */
    const struct random_source *random; /* borrowed */
    const struct clock *monotonic;      /* for intervals; NULL: the machine's; borrowed */
    /* Whether the wall clock stepped since it was last asked; NULL: nobody knows. */
    bool (*take_clock_step)(void *user, int64_t *step_ms);
    void *clock_user;
    /* Makes a new store after an administrator said `unlock --init`; NULL: not possible. */
    enum oc_status (*make_store)(void *user, struct store **out, struct oc_error *err);
    void *make_store_user;
    const struct bounds *bounds; /* of approvers; NULL: none are given; copied */
    /* Whether a restore put exactly this database in place and nothing was decided since: then what
     * it says of administrators was judged. NULL: it was not. Writer thread. */
    bool (*was_restored)(void *user, struct store *store);
    void *was_restored_user;
    struct oc_admin_ca *admin_ca; /* NULL: there is none yet; taken */
    /* Makes a CA durable in place of the one that is kept; NULL: not possible. Writer thread. */
    enum oc_status (*save_admin_ca)(void *user, const struct oc_admin_ca *ca, struct oc_error *err);
    void *save_admin_ca_user;
    /* Reads the configuration again and puts in force what may be, on the writer's thread; NULL:
     * not possible. */
    void (*reload)(void *user, const struct audit_actor *actor, struct reload_report *out);
    void *reload_user;
    struct checkpoint_sink checkpoints;
    struct audit_missing missing;
    struct voting voting; /* at first; votes.h changes it */
};

/*
 * Loads every record, starts the writer, the notifier and the clockwork.
 * Owns:  service_free; takes options->store, also on failure.
 * Fails: as store_load_all; RESOURCE_EXHAUSTED.
 */
OC_MUST_CHECK enum oc_status service_new(const struct service_options *options,
                                         struct service **out, struct oc_error *err);

/* What may change while the service runs; the options' values at first. */
struct service_settings {
    struct policy policy;
    struct oc_grant default_grant;
    unsigned max_pending;
    unsigned max_pending_per_source;
    bool pairing_required; /* once true, it stays so */
};
/* Any thread; not under a shard's mutex. */
void service_get_settings(struct service *service, struct service_settings *out);
/*
 * Puts settings in force. Where pairing is required from now on, sessions that no approval stands
 * behind end; where it is not, those end whose source is_trusted does not know any more: it must
 * say what options.is_trusted says from now on, and take no lock. NULL: each is.
 * Thread: the writer's (a reload runs there).
 */
void service_change_settings(struct service *service, const struct service_settings *wanted,
                             bool (*is_trusted)(void *user, const char *source), void *user);

/* Puts the bounds of approvers in force, for every decision that begins from now on. Writer thread.
 */
void service_change_bounds(struct service *service, const struct bounds *wanted);

/* Tells every connected device that the gateway drains, with a retry_after spread over `ms`. */
void service_drain(struct service *service, uint32_t spread_ms);

/* Finishes what is queued, saves sightings and marker, closes the store. Every door must be
 * closed before. Accepts NULL. */
void service_free(struct service *service);
OC_DEFINE_CLEANUP(service_free, struct service);

/* What `gateway status` shows of the services. Any thread. */
struct service_status {
    enum store_lock lock;
    struct store_identity identity;
    char store_text[64];
    bool pairing_required;
    int64_t started_ms;
    uint64_t n_pending, n_approved, n_revoked, n_blocked, n_online, n_quarantined, n_records;
    uint64_t n_queued;
    /* While the store cannot be written: since when, why in words and in one word, and what was
     * withdrawn that is in force and not durable. */
    int64_t failing_since_ms; /* 0: it can */
    int64_t last_write_ms;    /* the last that worked; 0: none since the start */
    char store_error[256];
    char store_cause[24];
    uint64_t n_unsaved;          /* of devices and administrators */
    uint64_t n_counted_requests; /* open, against the two caps */
    uint64_t max_pending, max_pending_per_source;
    struct checkpoint_kept checkpoint;
    struct missing_facts missing; /* while it is locked */
};
void service_get_status(struct service *service, struct service_status *out);
