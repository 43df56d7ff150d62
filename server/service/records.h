/*
 * Putting records in force: index, directory, waiters, sessions and the clockwork learn of them
 * together, here alone. Writer thread (and service_new, before it runs).
 */
#pragma once

#include "server/service/service_state.h"
#include "server/service/unsaved.h"

/* Puts a record in force and tells whom it concerns; takes record->bytes. The entry is held, the
 * directory has room. The one place where a decision takes a session out: under the mutex under
 * which Connect registers it. */
void records_publish(struct service *service, struct entry *entry, struct packed *record,
                     const struct pairing *pairing, unsigned effects);

/* Forgets a record and tells whom it concerns. The entry is held. */
void records_forget(struct service *service, struct entry *entry, unsigned effects);

/* Counts the record's open request under its source, once, if it counts. The entry is held, and
 * live if a request is open. False when out of memory. */
bool records_count_open(struct service *service, struct entry *entry, const struct pairing *pairing,
                        const char *address);
/* Its request gives up its place. */
void records_uncount(struct service *service, struct entry *entry);
/* Makes the count agree with what is published. */
void records_settle_source(struct service *service, struct entry *entry);

/* Reads every record from the store, and forgets those that are not there; keeps in force what is
 * unsaved. */
OC_MUST_CHECK enum oc_status records_load(struct service *service, struct store *store,
                                          struct unsaved_list *unsaved, struct oc_error *err);
/* The clockwork looks again at every open request: they expire sooner from now on. */
void records_schedule_open(struct service *service);
/* Forgets every record: another database is served from now on. */
void records_forget_all(struct service *service);
