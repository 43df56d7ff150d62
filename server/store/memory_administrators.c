/* See memory_administrators.h. A group's first change copies the list. */
#include "server/store/memory_administrators.h"

#include <stdlib.h>
#include <string.h>

static void clear(struct memory_administrator_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i]);
    }
    free(list->items);
    *list = (struct memory_administrator_list){0};
}

static bool append(struct memory_administrator_list *list, const struct administrator *value)
{
    struct administrator **items = realloc(list->items, (list->n + 1) * sizeof(*items));
    if (!items) {
        return false;
    }
    list->items = items;
    list->items[list->n] = malloc(sizeof *value);
    if (!list->items[list->n]) {
        return false;
    }
    *list->items[list->n++] = *value;
    return true;
}

/* Without the one of that name; false when out of memory. */
static bool copy_but(const struct memory_administrator_list *from, const char *name,
                     struct memory_administrator_list *to)
{
    for (size_t i = 0; i < from->n; i++) {
        if (strcmp(from->items[i]->name, name) != 0 && !append(to, from->items[i])) {
            return false;
        }
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct administrator *const *left = a;
    const struct administrator *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

const struct memory_administrator_list *
memory_administrators_now(const struct memory_administrators *all)
{
    return all->is_changed ? &all->working : &all->kept;
}

bool memory_administrators_put(struct memory_administrators *all,
                               const struct administrator *administrator)
{
    struct memory_administrator_list next = {0};
    if (!copy_but(memory_administrators_now(all), administrator->name, &next) ||
        !append(&next, administrator)) {
        clear(&next);
        return false;
    }
    qsort(next.items, next.n, sizeof *next.items, by_name);
    clear(&all->working);
    all->working = next;
    all->is_changed = true;
    return true;
}

void memory_administrators_commit(struct memory_administrators *all)
{
    if (all->is_changed) {
        clear(&all->kept);
        all->kept = all->working;
        all->working = (struct memory_administrator_list){0};
        all->is_changed = false;
    }
}

void memory_administrators_rollback(struct memory_administrators *all)
{
    clear(&all->working);
    all->is_changed = false;
}

void memory_administrators_deinit(struct memory_administrators *all)
{
    clear(&all->working);
    clear(&all->kept);
}
