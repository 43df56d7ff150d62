/* JSON as our own daemon writes it for us: one object a line, of texts alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A member: both point into the line that was read. */
struct flat_member {
    const char *key, *value;
};

enum {
    FLAT_MOST_MEMBERS = 16,
};

struct flat_object {
    size_t n;
    struct flat_member members[FLAT_MOST_MEMBERS];
};

/* Reads {"key":"value",...}; writes over `line`. False if it is anything else, also a text that
 * holds \u0000. */
bool flat_json_read(char *line, struct flat_object *out);

/* The value of that key; "" if there is none. */
const char *flat_json_value(const struct flat_object *object, const char *key);
