/*
 * What happened, as a value: who did what to which device, and what came of it. Written in the
 * same transaction as the change it tells of, refusals of administrators included.
 */
#pragma once

#include <openclaw/types.h>

/* Who acts. `name` is "uid:0" at the local door, "device", "gateway" for what falls due by itself,
 * later "admin:NAME". */
struct audit_actor {
    char name[OC_MAX_ACTOR_BYTES + 1];
    char source[OC_MAX_SOURCE_BYTES + 1]; /* "local", or address; "203.0.113.9 cert:9f3c..." */
};

struct audit_event {
    int64_t at_ms;
    struct audit_actor actor;
    char action[24];  /* pairing_event_name, or a word of the service: "unlock", "denied" */
    char outcome[24]; /* "done", or pairing_outcome_name of the refusal */
    struct oc_device_id device_id;
    struct oc_request_id request_id;
    char before[24]; /* state words */
    char after[24];
    char reason[OC_MAX_REASON_BYTES + 1];
    char rule[33];    /* which rule or token decided, if not a person: "expected", "pairing_off" */
    char detail[256]; /* the grant in words: "role=agent scopes=chat,tools"; see claim_words.h */
};
