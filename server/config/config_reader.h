/*
 * Between the files that read gateway.yaml: where the reading stands, and how it goes on and fails.
 * They alone include yaml.h.
 */
#pragma once

#include <yaml.h>

#include "server/config/config_keys.h"

enum {
    READER_MAX_KEYS = 64, /* rows of the table that a set of seen keys has room for */
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    const char *name;
    const char *text;
    struct config *config;
    bool seen[READER_MAX_KEYS];          /* by row of the table */
    bool seen_sections[READER_MAX_KEYS]; /* by the section's first row */
    struct oc_error *err;
};

/* All fail with INVALID_ARGUMENT: "NAME:LINE:COLUMN: path: what". */
enum oc_status reader_fail_at(struct reader *reader, yaml_mark_t mark, const char *path,
                              const char *what);
enum oc_status reader_fail_here(struct reader *reader, const char *path, const char *what);
enum oc_status reader_fail_shape(struct reader *reader, const struct config_key *key);

/* Moves to the next event. Fails: as above, where the file holds what no file may. */
OC_MUST_CHECK enum oc_status reader_next_event(struct reader *reader);
bool reader_scalar_has_nul(const yaml_event_t *event);
/* The current event, a scalar, as a value; borrowed until the next. Fails: no value, or a NUL. */
OC_MUST_CHECK enum oc_status reader_take_scalar(struct reader *reader, const char *path,
                                                struct config_scalar *out);
/* Keys are plain ASCII; what is not does not go to a terminal with the error. */
void reader_mask_unprintable(char *text);

/* Reads the value of a key that is a tree; the current event is its start, and then its end. */
OC_MUST_CHECK enum oc_status reader_read_tree(struct reader *reader, const struct config_key *key);
