/*
 * What a restore changes, in words: what the backup holds, what the present database holds, and
 * which decisions of it are lost, withdrawals first.
 */
#pragma once

#include "server/restore.h"
#include "server/store/verify.h"

#define RESTORE_LOST_FILE "lost-decisions.txt"

/* A database that was opened and checked. */
struct restore_side {
    const char *path;    /* as it is shown */
    struct store *store; /* NULL: it cannot be read, or there is none */
    struct store_identity identity;
    struct store_findings findings;
    bool has_lone_log; /* a log is there, but no database that it could be read with */
    char trouble[OC_ERROR_TEXT_BYTES]; /* why it cannot be read; "": it can, or there is none */
};

struct restore_lost {
    bool is_known;        /* the present database could be read */
    bool is_same_history; /* the one audit is the beginning of the other */
    bool is_later;        /* the present database goes on where the backup ends, or elsewhere */
    bool is_vouched;      /* the marker tells that the backup lacks nothing that was acknowledged */
    uint64_t n;           /* decisions */
    uint64_t n_withdrawals;
    char *text; /* one line each, withdrawals first; free() */
};

/* What the last checkpoint that was kept says of the backup. */
struct restore_signed {
    bool is_known;
    bool is_of_other; /* of other records of this gateway */
    bool is_held;     /* the backup has that row */
    uint64_t seq;
    int64_t at_ms;
};

/* What was made again in the restored state; see restore_withdraw.h. */
struct restore_withdrawn {
    uint64_t n_revoked;
    uint64_t
        n_narrowed; /* of those revoked: approved in both, but with less or for less long now */
    uint64_t n_blocked;
    uint64_t n_expectations; /* approvals in advance that are over */
    char *text;              /* one line for each that was narrowed; free(); NULL: none */
};

/* Compares the two. Fails: as store_list_audit. */
OC_MUST_CHECK enum oc_status restore_compare(const struct restore_side *backup,
                                             const struct restore_side *present,
                                             struct restore_lost *out, struct oc_error *err);

/* Looks for the last checkpoint of this key in the file; one that is not there says nothing. Before
 * anything is made again in the backup. */
void restore_look_at_checkpoint(const struct restore_side *backup, const char *path,
                                const struct oc_identity *gateway, struct restore_signed *out);
void restore_print_checkpoint(FILE *out, const struct restore_side *backup,
                              const struct restore_signed *checkpoint);

void restore_print(FILE *out, const struct restore_side *backup, const struct restore_side *present,
                   const struct restore_lost *lost, const struct restore_withdrawn *again,
                   bool as_it_was);
