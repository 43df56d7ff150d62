/* Between the files of administrators: the table. Of the writer's thread unless it says otherwise.
 */
#pragma once

#include "server/service/administrators.h"
#include "server/service/service_state.h"

struct administrators;

/* NULL when out of memory. Takes the CA, which may be NULL. */
struct administrators *administrators_new(struct oc_admin_ca *ca);
void administrators_free(struct administrators *administrators);

/* The table becomes what the store holds; withdrawals that are not on disk yet stay in force. */
OC_MUST_CHECK enum oc_status administrators_load(struct service *service, struct store *store,
                                                 struct oc_error *err);

/* Copies; false (*out is none) if there is no such. Any thread. */
bool administrators_read(struct service *service, const char *name, struct administrator *out);
bool administrators_read_holder(struct service *service, const struct oc_digest *certificate,
                                struct administrator *out);
/* Visits all, by name, under the table's lock, a leaf. Any thread. */
typedef void (*administrators_visit_fn)(void *user, const struct administrator *administrator);
void administrators_each(struct service *service, administrators_visit_fn visit, void *user);
/* Withdrawals that are in force and not durable yet. Any thread. */
uint64_t administrators_n_unsaved(struct service *service);
/* The first behind the name; false: none. */
bool administrators_view_next(struct service *service, const char *after,
                              struct administrator_view *out);
void administrators_view(struct service *service, const char *name, struct administrator_view *out);
/* Whether this one has room among `most`, or has a row; made if need be: then publishing cannot
 * fail. */
bool administrators_reserve(struct service *service, const char *name, size_t most);
/* Whether its row can take one more certificate; true if it has none. */
bool administrators_has_room(struct service *service, const char *name);
/* Needs the room. */
void administrators_publish(struct service *service, const struct administrator *administrator);
/* Looks everybody who is connected up again; how many were cut. `origin`: see
 * administrators_changed_fn. */
unsigned administrators_tell(struct service *service, void *origin);
/* NULL: there is none. Borrowed: only the writer's thread replaces it. */
const struct oc_admin_ca *administrators_ca(struct service *service);
/* Takes it. */
void administrators_set_ca(struct service *service, struct oc_admin_ca *ca);

/* ---- withdrawals that are in force and not on disk ------------------------------------------- */

struct unsaved_administrator {
    struct unsaved_administrator *next;
    struct administrator administrator;
    struct audit_event audit;
    char action[24];
    bool is_saved; /* the disk turned out to have it */
};
/* Takes it, and says so in the log. */
void administrators_keep_unsaved(struct service *service, struct unsaved_administrator *unsaved);
/* The oldest; NULL: none. */
struct unsaved_administrator *administrators_first_unsaved(struct service *service);
void administrators_drop_first_unsaved(struct service *service);
/* Tries to write them, oldest first. False: one is left. */
bool administrators_retry(struct service *service);
/*
 * Raises the trust epoch with its audit row. Unless a restore has judged what this database says of
 * administrators, every certificate is void, in the same transaction: it may lack revocations.
 * The table is loaded anew. Fails: as store_apply, store_commit, administrators_load.
 */
OC_MUST_CHECK enum oc_status administrators_accept_rollback(struct service *service,
                                                            struct store *store, uint64_t epoch,
                                                            const struct audit_event *audit,
                                                            struct oc_error *err);
/* The last try; says in the log what the next start will not know. */
void administrators_finish(struct service *service);
