/* See administrator_map.h. */
#include "server/domain/administrator_map.h"

#include <string.h>

static bool is_pattern(const char *san)
{
    return strchr(san, '*') != NULL;
}

/* The last star takes one character more whenever what follows it does not fit. */
static bool fits(const char *pattern, const char *text)
{
    const char *star = NULL;
    const char *from = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            from = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star && *from != '/') {
            pattern = star + 1;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

const struct administrator_mapping *administrator_map_find(const struct administrator_map *map,
                                                           const char *uri)
{
    const struct administrator_mapping *found = NULL;
    for (size_t i = 0; i < map->n; i++) {
        const struct administrator_mapping *each = &map->items[i];
        if (strcmp(each->san, uri) == 0) {
            return each;
        }
        if (!found && is_pattern(each->san) && fits(each->san, uri)) {
            found = each;
        }
    }
    return found;
}

/* ---- whether two patterns meet --------------------------------------------------------------- */

/* meets[i][j]: whether what is left of a from i and of b from j fit a common text. */
struct meeting {
    bool meets[ADMINISTRATOR_NAME_BYTES + 2][ADMINISTRATOR_NAME_BYTES + 2];
};

/* A star at a[i]: it is over, or takes what b has next (a star of b's takes nothing of its own). */
static bool star_meets(const struct meeting *table, const char *b, size_t i, size_t j)
{
    const bool takes_one = b[j] != '\0' && b[j] != '/' && table->meets[i][j + 1];
    return takes_one || table->meets[i + 1][j];
}

static bool star_meets_turned(const struct meeting *table, const char *a, size_t i, size_t j)
{
    const bool takes_one = a[i] != '\0' && a[i] != '/' && table->meets[i + 1][j];
    return takes_one || table->meets[i][j + 1];
}

static bool meets_at(const struct meeting *table, const char *a, const char *b, size_t i, size_t j)
{
    if (a[i] == '\0' && b[j] == '\0') {
        return true;
    }
    bool meets = a[i] != '\0' && a[i] == b[j] && table->meets[i + 1][j + 1];
    if (a[i] == '*') {
        meets = meets || star_meets(table, b, i, j);
    }
    if (b[j] == '*') {
        meets = meets || star_meets_turned(table, a, i, j);
    }
    return meets;
}

static bool patterns_meet(const char *a, const char *b)
{
    struct meeting table;
    memset(&table, 0, sizeof table);
    for (size_t i = strlen(a) + 1; i-- > 0;) {
        for (size_t j = strlen(b) + 1; j-- > 0;) {
            table.meets[i][j] = meets_at(&table, a, b, i, j);
        }
    }
    return table.meets[0][0];
}

bool administrator_map_is_ambiguous(const struct administrator_mapping *a,
                                    const struct administrator_mapping *b)
{
    if (strcmp(a->san, b->san) == 0) {
        return true;
    }
    return is_pattern(a->san) && is_pattern(b->san) && patterns_meet(a->san, b->san);
}
