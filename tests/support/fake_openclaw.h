/*
 * A double of libopenclaw for tests of what is built on its headers: a few devices in memory,
 * every call answered at once, failures as told.
 */
#pragma once

#include <openclaw/audit.h>
#include <openclaw/diagnose.h>
#include <openclaw/pairing.h>
#include <openclaw/review.h>
#include <openclaw/votes.h>
#include <openclaw/wait.h>
#include <openclaw/watch.h>

enum {
    FAKE_DEVICES = 6,
};

/* 2026-11-22T12:00:00Z; all times of the devices lie before it. */
#define FAKE_NOW_MS INT64_C(1795348800000)

/* What the devices are called; device ids are one digit 64 times. */
#define FAKE_PENDING_ID       "9999999999999999999999999999999999999999999999999999999999999999"
#define FAKE_PENDING_REQUEST  "7QK4M2T9XA"
#define FAKE_PIN              "sha256:9999999999999999999999999999999999999999999999999999999999999999"
#define FAKE_SECOND_ID        "8888888888888888888888888888888888888888888888888888888888888888"
#define FAKE_SECOND_REQUEST   "7QK9ZZZZZZ" /* same beginning */
#define FAKE_APPROVED_ID      "1111111111111111111111111111111111111111111111111111111111111111"
#define FAKE_APPROVED_ALIAS   "db-1"
#define FAKE_UPGRADE_REQUEST  "5H2J8N3PQR" /* of the approved device, which wants more */
#define FAKE_HOSTILE_ID       "2222222222222222222222222222222222222222222222222222222222222222"
#define FAKE_BLOCKED_ID       "3333333333333333333333333333333333333333333333333333333333333333"
#define FAKE_REJECTED_ID      "4444444444444444444444444444444444444444444444444444444444444444"
#define FAKE_REPLACED_REQUEST "0000000000" /* was replaced by FAKE_PENDING_REQUEST */
#define FAKE_CLOSED_REQUEST   "1111111111" /* was rejected */
#define FAKE_CODE             "48217730"

struct fake {
    bool is_ready;
    struct oc_device devices[FAKE_DEVICES];
    size_t n_devices;
    struct oc_audit_filter audit_filter; /* of the last search */
    const char *approve_detail;          /* of the audit's approval; NULL: the grant alone */
    const char *approve_action;          /* NULL: approve */
    const struct oc_audit_record *audit; /* all there is; NULL: three of another time */
    size_t n_audit;
    enum oc_status reads_fail_with; /* list, resolve, status, audit */
    enum oc_status decisions_fail_with;
    struct oc_review review; /* request_id and labels are the device's own */
    bool is_too_old_to_review;
    const char *review_of;     /* NULL: of the request that is listed */
    struct oc_error facts;     /* go with these failures */
    size_t n_lost;             /* calls that decide and get no answer, before one does */
    bool replaces_on_decision; /* ABORTED, another request stands */
    bool is_locked;
    struct oc_gateway_status status; /* of it, what is told of certificates */
    const char *reload_problem;      /* NULL: the file is sound */
    const char *backup_path;         /* where the backup is made; NULL: a path that is none */
    uint32_t backup_uid;             /* whom the gateway runs under */
    /* What votes there are, and what the next approval comes to if several must agree. */
    struct oc_votes votes;
    struct oc_decision_result vote; /* n_votes_needed 0: one is enough */
    size_t n_decisions, n_repeated; /* with the key of the one before */
    struct oc_decision last_decision;
    /* The agent's script: a refusal of this kind first, then this end (OK: connected). */
    enum oc_refusal_kind agent_refusal;
    enum oc_status agent_end;
    bool agent_wants_more; /* its session holds an upgrade with a code */
    /* What a doctor meets. */
    size_t n_known;
    struct oc_known_gateway known[2];
    bool has_outcome;
    struct oc_outcome outcome;
    struct oc_probe probe;
    char store_error[64]; /* ""; the store works */
    char store_cause[24];
    uint64_t n_quarantined;
    /* What a watch tells, and how it ends then; and how waits end. */
    size_t n_watched;
    struct oc_watch_item watched[8];
    enum oc_status watch_end;
    struct oc_watch_options watch_options;
    struct oc_wait wait_result; /* outcome, why, replaced_by */
    uint32_t waited_ms;
    char bundle_file[4096]; /* the client was opened with; "": the local door */
};
extern struct fake fake;

/* Takes note of a decision; true: it gets no answer. */
bool fake_is_answer_lost(const struct oc_decision *decision, struct oc_error *err);

/* The first device claims what could pass for the gateway's words, and looks like another. */
void fake_be_hostile(void);

/* The state at the start of every test; also of the program, shaped by $OPENCLAW_FAKE. */
void fake_reset(void);
/* Of fake_votes.c: what a decision came to; false: it was but a vote. */
bool fake_settle(const struct oc_device *device, struct oc_decision_result *out);
