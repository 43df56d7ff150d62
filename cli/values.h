/*
 * Values of options that more than one command reads into the vocabulary of the library. False if
 * a value is too long, malformed or one too many; *out is untouched then.
 */
#pragma once

#include <openclaw/types.h>
#include <stdbool.h>

#include "cli/option.h"

/* Copies a text that fits into cap bytes with its NUL. NULL copies nothing. */
bool value_copy(const char *text, char *out, size_t cap);

/* --role and every --scope, each of which may name several with commas. */
bool value_read_grant(const struct arguments *args, struct oc_grant *out);

/* The same of an ask or a grant that stands alone: scopes without a role are those of an agent, as
 * the gateway would read a grant without a role as its default and drop them. */
bool value_read_whole_grant(const struct arguments *args, struct oc_grant *out);

/* Every --label KEY=VALUE, sorted by key; no key twice. */
bool value_read_labels(const struct arguments *args, struct oc_labels *out);

/* A positive whole number, with nothing behind it. */
bool value_read_count(const char *text, size_t *out);
