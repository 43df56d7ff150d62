/*
 * A second, naive telling of design section 3, to compare the machine with: one device as plain
 * variables, every event a chain of ifs, scopes as bits. It shares no code with server/domain but
 * the words for events and outcomes.
 */
#pragma once

#include "server/domain/event.h"

enum stand { NEVER_IN, IN, OUT, BARRED };

/* A request is its ask and the number of decisions when it was opened; both give its id. */
struct model_request {
    bool is_set;
    unsigned want;
    uint64_t generation;
};

struct model {
    enum stand stand;
    unsigned asked, granted;
    int64_t ends_ms;
    uint64_t generation;
    bool has_been_seen;
    bool was_in;        /* approved once, and not removed since */
    int64_t asked_ms;   /* when the last request was opened; 0: never */
    bool is_distrusted; /* its row failed authentication */
    bool is_buried;
    int alias; /* 0: none */

    bool is_waiting;
    struct model_request request;
    int64_t tried_ms;
    int wrong_codes;
    bool is_from_grave; /* the request of a removed device */
    struct model_request gone[PAIRING_REPLACED_KEPT];
    int64_t swapped_ms; /* 0: never */

    int64_t closed_until_ms;
    int strikes;
    bool is_closed_by_reject;
    bool has_refused;
    unsigned refused_want;
    int64_t refused_until_ms;

    bool is_announced, announced_in;
    unsigned announced_grant;
    int64_t announced_until_ms, announced_term_ms;
};

struct model_event {
    enum pairing_event_kind kind;
    unsigned want; /* CONNECT */
    bool is_over_cap, pairs_everyone;
    struct model_request named;
    unsigned named_want; /* APPROVE: the ask whose digest is given */
    enum code_check code;
    bool narrows, approves;
    unsigned grant;
    int64_t term_ms;
    int alias;
};

struct model_answer {
    enum pairing_outcome outcome;
    bool has_changed;
    unsigned serves; /* SESSION */
};

enum { MODEL_TTL_MS = 60 * 60 * 1000 };

struct model_answer model_decide(struct model *model, const struct model_event *event,
                                 int64_t now_ms);
