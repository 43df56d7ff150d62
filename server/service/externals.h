/*
 * Administrators of a CA that is not ours (admin.ca, admin.map): who of them is known, and what the
 * map says of them. They need no registration; a revocation of theirs is kept with the registered
 * ones (administrators.c), which is asked besides.
 *
 * While this is on, the gateway's own CA and its administrators do not count. The map is looked up
 * at every call, so that a reload holds for the very next one. Who shows a certificate that is
 * mapped is remembered, as many as may be connected and some more, so that a decision that waits,
 * or a vote, can be looked at again by the certificate alone; after a restart only who has come
 * back since counts.
 *
 * Thread: any, unless it says otherwise; a leaf.
 */
#pragma once

#include "proto/crypto/admin_ca.h"
#include "server/domain/administrator_map.h"

enum {
    EXTERNALS_MAX = 1024, /* certificates that are remembered; of those without a connection the
                             one seen longest ago gives way */
};

struct externals;

/* Off. NULL when out of memory. */
struct externals *externals_new(void);
void externals_free(struct externals *externals);

/* On, with this CA, which is taken (NULL: nobody comes in), or off. */
void externals_change(struct externals *externals, bool is_on, struct oc_admin_ca *ca,
                      const struct administrator_map *map);
/* The CA stays as it is. */
void externals_change_map(struct externals *externals, const struct administrator_map *map);
bool externals_are_on(struct externals *externals);

/* For the handshake, while it is on: also whether the name is mapped. */
enum oc_admin_verdict externals_judge(struct externals *externals, const struct oc_bytes *sent,
                                      size_t n_sent, int64_t now_ms,
                                      struct oc_admin_certificate *out);
/* Calls `read` with the CA in force; not if it is off or has none. Under a lock: no more than
 * copying. */
bool externals_read_ca(struct externals *externals,
                       void (*read)(void *user, const struct oc_admin_ca *ca), void *user);

/* A connection of this certificate more (1) or less (-1). Does nothing while it is off. */
void externals_note_online(struct externals *externals,
                           const struct oc_admin_certificate *certificate, int change,
                           int64_t now_ms);

enum externals_standing {
    EXTERNALS_UNKNOWN, /* has not come in with the CA in force */
    EXTERNALS_UNMAPPED,
    EXTERNALS_EXPIRED,
    EXTERNALS_MAPPED,
};
struct externals_rights {
    char name[ADMINISTRATOR_NAME_BYTES + 1]; /* "" where it is unknown */
    enum administrator_role role;            /* NOBODY unless MAPPED */
    char bound[BOUND_NAME_BYTES + 1];
};
enum externals_standing externals_look_up(struct externals *externals,
                                          const struct oc_digest *certificate, int64_t now_ms,
                                          struct externals_rights *out);
/* What a remembered certificate says; false: it is not remembered. */
bool externals_read_holder(struct externals *externals, const struct oc_digest *certificate,
                           struct oc_admin_certificate *out);

/* Whether a remembered certificate is of this name. */
bool externals_know_name(struct externals *externals, const char *name);

/* One name that has come in with the CA in force and is mapped, with its certificates. */
struct externals_view {
    struct administrator administrator;
    int64_t last_seen_ms; /* of this run: when it last came or went */
    bool is_online;
};
/* The first by name behind `after`; false: none. *out is large: keep it on the heap. */
bool externals_view_next(struct externals *externals, const char *after, int64_t now_ms,
                         struct externals_view *out);
