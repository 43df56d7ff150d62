/*
 * Withdrawals that are in force in memory and not known to be on disk: kept, in order, until the
 * disk has them. Writer thread.
 */
#pragma once

#include "server/domain/pairing.h"
#include "server/service/packed.h"

struct unsaved {
    struct unsaved *next;
    struct oc_device_id id;
    uint64_t generation;
    struct packed record;
    struct audit_event audit;
    bool is_audited;
    char action[24];
    bool is_applied; /* in the group that is on its way */
};

struct unsaved_list {
    struct unsaved *first; /* oldest */
    struct unsaved **end;
    uint64_t n;
};

void unsaved_list_init(struct unsaved_list *list);
void unsaved_list_deinit(struct unsaved_list *list);

/* NULL when out of memory. Owns: unsaved_free, or unsaved_list_keep takes it. */
struct unsaved *unsaved_new(const struct pairing_decision *decision, const char *action);
void unsaved_free(struct unsaved *unsaved);

/* Takes it, and says so in the log. */
void unsaved_list_keep(struct unsaved_list *list, struct unsaved *unsaved);
/* The group that they were applied in is durable. */
void unsaved_list_drop_applied(struct unsaved_list *list);
/* Says what will be forgotten when the process ends. */
void unsaved_list_log_lost(const struct unsaved_list *list);
/* Or it is not. */
void unsaved_list_reset_applied(struct unsaved_list *list);
/* The disk has `found`: what is not newer is saved. True: something newer is left. */
bool unsaved_list_compare(struct unsaved_list *list, const struct pairing *found);
