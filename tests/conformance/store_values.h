/*
 * Values that fill every field of a record, an event, a sighting and a key, and their comparison
 * field by field (never byte by byte: padding and what follows a text's end do not count).
 */
#pragma once

#include "server/store/store.h"

/* Shapes of records that a gateway really writes; together they use every field. */
enum record_shape {
    SHAPE_PENDING,
    SHAPE_APPROVED,
    SHAPE_UPGRADE, /* approved, wants more, a term, an alias, labels */
    SHAPE_REJECTED,
    SHAPE_REVOKED,
    SHAPE_REMOVED,
    SHAPE_BLOCKED,
    SHAPE_EXPECTED,
    SHAPE_QUARANTINED,
    SHAPE_COUNT
};

/* The record of device number `n`; two numbers share no id, request id or alias. */
struct pairing value_record(enum record_shape shape, uint32_t n);
struct oc_device_id value_device_id(uint32_t n);
struct oc_grant value_grant(unsigned n_scopes);
struct sighting value_sighting(uint32_t n);
struct audit_event value_event(uint32_t n);
struct store_key value_key(uint32_t n);
/* With n certificates, every field filled. */
void value_administrator(const char *name, size_t n, struct administrator *out);

void assert_same_record(const struct pairing *a, const struct pairing *b);
void assert_same_sighting(const struct sighting *a, const struct sighting *b);
void assert_same_event(const struct audit_event *a, const struct audit_event *b);
void assert_same_administrator(const struct administrator *a, const struct administrator *b);
void assert_same_key(const struct store_key *a, const struct store_key *b);
