/*
 * One device as administrators see it: its record, and what is known around it. Plain values.
 */
#pragma once

#include "server/domain/pairing.h"

/* Votes for the open request; bits stand for pairing.request.votes[i]. */
struct votes_shown {
    unsigned needed;   /* to approve it as asked; 0: whoever may approve decides alone */
    unsigned n;        /* for one and the same grant, of that with the most */
    uint32_t in_force; /* neither expired, nor of who may approve no more */
    uint32_t as_asked; /* of them: for what is asked, for good, with no other labels */
};

/* One device as lists show it. */
struct device_view {
    struct pairing pairing;
    struct sighting sighting;
    bool is_online;
    bool can_check_code; /* the agent is connected and has revealed its nonce */
    /* By the host hint that it claims. Claims: they explain and never grant. */
    unsigned n_host_devices;  /* listed devices of its host, itself included; 0: claims none */
    unsigned n_host_requests; /* of them waiting */
    uint64_t host_group;      /* the same number for all of them; 0: there is but one */
    struct votes_shown votes;
};

/* What an approval came to, where several administrators must agree. */
struct votes_cast {
    bool is_vote;     /* more must agree: the request is open still */
    bool broke_glass; /* approved although votes were missing */
    unsigned n;       /* for this grant, this one among them; 0: no rule asks for votes */
    unsigned needed;
    unsigned n_for_else; /* other administrators' for another grant: they do not add up */
};
