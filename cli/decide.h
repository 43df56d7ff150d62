/*
 * Decisions: what the options say, the call, and what is printed of each.
 */
#pragma once

#include <openclaw/admin.h>

#include "cli/failure.h"

/* What came of one decision. */
struct decided {
    const char *selector;   /* as typed, or the id that was chosen */
    const char *word;       /* "approved" */
    struct failure failure; /* code EXIT_DONE: it worked */
    struct oc_decision_result result;
    bool is_confirmed; /* --wait: it was seen offline afterwards */
    int64_t took_ms;   /* --wait: from the call to its answer */
};

/* Many decisions of one command: prints each as it comes. */
struct decisions {
    struct cli *cli;
    struct listing listing;
    size_t n, n_failed, n_votes;
    uint64_t revision;
    enum exit_code last;
};
void decisions_begin(struct decisions *decisions, struct cli *cli);
void decisions_add(struct decisions *decisions, const struct decided *decided);
/* The command's exit code: that of the one item, or EXIT_SOME_FAILED of many; EXIT_STILL_PENDING
 * where an approval was but a vote. */
enum exit_code decisions_end(struct decisions *decisions);

/*
 * Reads --role, --scope, --for, --until, --label, --alias, --reason, --code into a decision, each
 * if given. Fails: EXIT_USAGE.
 */
enum exit_code decision_read_options(const struct cli *cli, struct oc_decision *out,
                                     struct failure *failure);

/* "4821-7730", with or without the dash, to its 8 digits. False if it is something else. */
bool decision_read_code(const char *typed, char out[OC_CODE_DIGITS + 1]);

/* Makes the call. `doing`: "cannot approve 7QK4M2T9XA". */
enum exit_code decision_make(struct cli *cli, const struct oc_decision *decision, const char *doing,
                             struct oc_decision_result *out, struct failure *failure);
