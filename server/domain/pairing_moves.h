/*
 * Between the files of the pairing machine: one move on its way, and the steps that administrators'
 * decisions and connects have in common. Nobody else includes this.
 */
#pragma once

#include "server/domain/pairing.h"

/* One event being decided. `out->next` is the record as the move leaves it so far. */
struct move {
    const struct pairing_event *event;
    const struct policy *policy;
    int64_t now_ms;
    struct pairing_decision *out;
    struct oc_request_id request_id; /* what the audit names: the request spoken of or closed */
};

/* What an approval gives; `labels` may be NULL or empty: keep what is there. */
struct approval {
    const struct oc_grant *asked;
    const struct oc_grant *granted;
    const struct oc_labels *labels;
    int64_t term_ms; /* 0: until revoked */
};

/* What becomes of an event that both tables let pass. */
enum verdict {
    TAKES_PLACE,
    IS_SO_ALREADY, /* done, nothing changes */
    IS_REFUSED,    /* with the outcome beside it */
};

struct ruling {
    enum verdict verdict;
    enum pairing_outcome outcome; /* IS_REFUSED */
};

/* What goes with a move: a guard before it, a step with it. The step sees the standing and the
 * request that the event found. */
struct rule {
    struct ruling (*guard)(struct move *move);
    void (*apply)(struct move *move);
    enum request_end end; /* of a request that the move closes */
    unsigned effects;
    bool is_decision;       /* counted in generation, decided_ms and decided_by */
    bool ends_quarantine;   /* the device was decided on anew */
    bool is_administrators; /* audited whatever comes of it */
};

/* The rule of every event but CONNECT. */
const struct rule *pairing_rule(enum pairing_event_kind kind);

/* All guards and steps of CONNECT; the standing table has let it pass. */
enum pairing_outcome pairing_connect(struct move *move);

/* Why a device that stands like this is asked to pair, by the order of the whys. */
enum oc_why pairing_why_of(const struct pairing *pairing, const struct pairing_event *connect);

/* Takes the open request, if there is one, off the record and says how it ended. */
void pairing_close_request(struct move *move, enum request_end end);
/* The record after an approval, by a person or by a rule: standing, grants, everything that an
 * approval resets. */
void pairing_give(struct move *move, const struct approval *approval);
/* Counts a decision: generation, time, by whom. */
void pairing_stamp(struct move *move, const char *by);

/* Whether as many agree as must, or need not; else the actor's vote was cast. Fills the decision's
 * counts. */
bool pairing_has_votes(struct move *move);
void pairing_drop_votes(struct pairing_request *request);
/* "votes:1/2": what an approval under a rule says of it in the audit; "" without a rule. */
void pairing_votes_word(const struct move *move, char out[33]);

/* Whether anything was ever decided, asked or announced about this device. */
bool pairing_is_known(const struct pairing *pairing);
/* Whether an announcement holds its slot now. */
bool pairing_is_expected(const struct pairing *pairing, int64_t now_ms);
/* now + span, at the end of time at most. Neither is negative. */
int64_t pairing_time_after(int64_t now_ms, int64_t span_ms);

/* From when a forgettable record is forgotten. */
int64_t pairing_forget_due(const struct pairing *pairing, const struct policy *policy);
/* Whether the record that this event left goes with it: a flood that a cap sheds and an
 * announcement that nobody came for leave nothing behind. */
bool pairing_leaves_nothing(const struct pairing *pairing, enum pairing_event_kind kind);
/* Makes the record a stranger's and says that it goes. */
void pairing_forget(struct move *move);

/* Fills out->audit for what was decided, from the record as it was. */
void pairing_fill_audit(struct move *move, const struct pairing *was, const char *action,
                        const char *rule);
