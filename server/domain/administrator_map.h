/*
 * What holders of an external CA's certificates may do here, by the URI that names them. Pure.
 *
 * A pattern is a URI in which each "*" stands for any number of characters other than "/". A name
 * that is written out comes before every pattern; and no two patterns may fit one and the same
 * name, nor may two rows be written alike: so the order of rows means nothing, and each name has at
 * most one row.
 */
#pragma once

#include "server/domain/administrator.h"
#include "server/domain/bound.h"

enum {
    ADMINISTRATOR_MAP_MAX = 64,
};

struct administrator_mapping {
    char san[ADMINISTRATOR_NAME_BYTES + 1];
    enum administrator_role role;
    char bound[BOUND_NAME_BYTES + 1]; /* of an approver; else "" */
};

struct administrator_map {
    size_t n;
    struct administrator_mapping items[ADMINISTRATOR_MAP_MAX];
};

/* NULL: nobody said what this name may do. Borrowed. */
const struct administrator_mapping *administrator_map_find(const struct administrator_map *map,
                                                           const char *uri);

/* Whether some name would fit both rows, neither of them coming first. */
bool administrator_map_is_ambiguous(const struct administrator_mapping *a,
                                    const struct administrator_mapping *b);
