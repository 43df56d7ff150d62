/*
 * Which gateway a command acts upon: the one of this machine, through its local socket, or another
 * one that a context names. Order: --context, $OPENCLAW_CONTEXT, `contexts/current`; none of them,
 * or "local": this machine's.
 */
#pragma once

#include <openclaw/bundle.h>

#include "cli/context_store.h"

struct cli;

/* What a command acts upon. */
enum command_target {
    TARGET_GATEWAY,   /* a gateway: that of the context in force, or this machine's */
    TARGET_NONE,      /* no gateway is administered: contexts do not matter */
    TARGET_HERE_TOLD, /* this machine; a context in force is told to be left out */
    TARGET_HERE,      /* this machine's gateway; with a context in force it is refused */
    TARGET_CHOSEN,    /* the command chooses by itself, with the functions below */
};

enum context_origin {
    CONTEXT_FROM_NOTHING,
    CONTEXT_FROM_FLAG,
    CONTEXT_FROM_ENVIRONMENT,
    CONTEXT_FROM_FILE,
};

struct context {
    char name[CONTEXT_NAME_BYTES + 1]; /* "": the gateway of this machine */
    enum context_origin origin;
    bool has_others;               /* there are contexts */
    char path[CONTEXT_PATH_BYTES]; /* of the bundle */
};

/* Whether a command reaches its gateway from afar. */
bool context_is_remote(const struct cli *cli);

/*
 * Finds the context in force and fills cli->context in. With `must_exist` it must have a bundle.
 * Fails: EXIT_NOT_FOUND (no such context, with the command that makes one); EXIT_USAGE (no name of
 *        a context); as context_store_open and context_store_current.
 */
enum exit_code context_choose(struct cli *cli, bool must_exist, struct failure *failure);

/*
 * The same for a command with this target, before it runs. `call`: "gateway unlock".
 * Fails: as context_choose; EXIT_USAGE (it cannot act through a context).
 */
enum exit_code context_prepare(struct cli *cli, enum command_target target, const char *call,
                               struct failure *failure);

/* What the bundle of the context in force says. False: there is none, or it cannot be read. */
bool context_facts(const struct cli *cli, struct oc_bundle_facts *out);

/* $OPENCLAW_CONTEXT; NULL: not set, or empty, which is the same. */
const char *context_environment(void);

/* "--context", "$OPENCLAW_CONTEXT", "context use". */
const char *context_origin_text(enum context_origin origin);

/* Tells a person on err which gateway is about to be acted upon, before a question; nothing where
 * there are no contexts. */
void context_say_where(const struct cli *cli);

/* What helps when a call through the context in force failed. */
void context_advise(struct failure *failure, const struct cli *cli, enum oc_status status);
