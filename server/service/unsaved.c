#include "server/service/unsaved.h"

#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"

void unsaved_list_init(struct unsaved_list *list)
{
    *list = (struct unsaved_list){.end = &list->first};
}

struct unsaved *unsaved_new(const struct pairing_decision *decision, const char *action)
{
    struct unsaved *unsaved = calloc(1, sizeof *unsaved);
    if (!unsaved || !packed_from_pairing(&decision->next, &unsaved->record)) {
        free(unsaved);
        return NULL;
    }
    unsaved->id = decision->next.id;
    unsaved->generation = decision->next.generation;
    unsaved->audit = decision->audit;
    unsaved->is_audited = decision->is_audited;
    memcpy(unsaved->action, action, strnlen(action, sizeof unsaved->action - 1));
    return unsaved;
}

void unsaved_free(struct unsaved *unsaved)
{
    if (unsaved) {
        free(unsaved->record.bytes);
        free(unsaved);
    }
}

void unsaved_list_keep(struct unsaved_list *list, struct unsaved *unsaved)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&unsaved->id, id);
    log_error("withdrawal.not_durable", "device=%s action=%s", id, unsaved->action);
    unsaved->next = NULL;
    unsaved->is_applied = false;
    *list->end = unsaved;
    list->end = &unsaved->next;
    list->n++;
}

static void log_durable(const struct unsaved *unsaved)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&unsaved->id, id);
    log_info("withdrawal.durable", "device=%s action=%s", id, unsaved->action);
}

typedef bool (*match_fn)(const struct unsaved *unsaved, const struct pairing *found);

static bool is_any(const struct unsaved *unsaved, const struct pairing *found)
{
    (void)unsaved;
    (void)found;
    return true;
}

static void drop_if(struct unsaved_list *list, match_fn is_it, const struct pairing *found)
{
    struct unsaved **link = &list->first;
    while (*link) {
        struct unsaved *unsaved = *link;
        if (is_it(unsaved, found)) {
            *link = unsaved->next;
            list->n--;
            if (is_it != is_any) {
                log_durable(unsaved);
            }
            unsaved_free(unsaved);
        } else {
            link = &unsaved->next;
        }
    }
    list->end = link;
}

static bool was_applied(const struct unsaved *unsaved, const struct pairing *found)
{
    (void)found;
    return unsaved->is_applied;
}

static bool is_on_disk(const struct unsaved *unsaved, const struct pairing *found)
{
    return oc_device_id_equal(&unsaved->id, &found->id) && unsaved->generation <= found->generation;
}

void unsaved_list_deinit(struct unsaved_list *list)
{
    drop_if(list, is_any, NULL);
}

void unsaved_list_drop_applied(struct unsaved_list *list)
{
    drop_if(list, was_applied, NULL);
}

void unsaved_list_reset_applied(struct unsaved_list *list)
{
    for (struct unsaved *unsaved = list->first; unsaved; unsaved = unsaved->next) {
        unsaved->is_applied = false;
    }
}

bool unsaved_list_compare(struct unsaved_list *list, const struct pairing *found)
{
    drop_if(list, is_on_disk, found);
    for (const struct unsaved *unsaved = list->first; unsaved; unsaved = unsaved->next) {
        if (oc_device_id_equal(&unsaved->id, &found->id)) {
            return true;
        }
    }
    return false;
}

void unsaved_list_log_lost(const struct unsaved_list *list)
{
    for (const struct unsaved *unsaved = list->first; unsaved; unsaved = unsaved->next) {
        char id[OC_DEVICE_ID_DIGITS + 1];
        oc_device_id_format(&unsaved->id, id);
        log_error("withdrawal.lost", "device=%s action=%s fix=%s", id, unsaved->action,
                  "the disk never took it: repeat it after the next start");
    }
}
