/*
 * Options: one table for all commands, one parser. An option means the same wherever it appears.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_id {
    /* Accepted by every command. */
    OPT_DATA_DIR,
    OPT_CONTEXT,
    OPT_TIMEOUT,
    OPT_OUTPUT,
    OPT_JSON,
    OPT_YES,
    OPT_COLOR,
    OPT_HELP,
    OPT_VERSION,
    OPT_GLOBAL_COUNT,
    /* Accepted where the command says so. */
    OPT_ACCEPT_ROLLBACK = OPT_GLOBAL_COUNT,
    OPT_ACTION,
    OPT_ACTOR,
    OPT_AFTER,
    OPT_ALIAS,
    OPT_APPROVE,
    OPT_AS_IT_WAS,
    OPT_BEFORE,
    OPT_BREAK_GLASS,
    OPT_BUNDLE,
    OPT_CA,
    OPT_CHECKPOINT,
    OPT_CODE,
    OPT_CONFIG,
    OPT_CREATE,
    OPT_CURSOR,
    OPT_DATABASE,
    OPT_DEVICE,
    OPT_FOLLOW,
    OPT_FOR,
    OPT_FROM,
    OPT_FROM_SEQ,
    OPT_GATEWAY,
    OPT_INIT,
    OPT_KEEP_ASKING,
    OPT_LABEL,
    OPT_LIMIT,
    OPT_NAME,
    OPT_NEWEST,
    OPT_OFFLINE,
    OPT_ONCE,
    OPT_OUT,
    OPT_OUTCOME,
    OPT_PIN,
    OPT_PURPOSE,
    OPT_REASON,
    OPT_REGISTER,
    OPT_REPLACE,
    OPT_REQUEST,
    OPT_ROLE,
    OPT_SCOPE,
    OPT_SERVER_NAME,
    OPT_SINCE,
    OPT_STATE,
    OPT_TO_SEQ,
    OPT_TTL,
    OPT_UNTIL,
    OPT_WAIT,
    OPT_WATCH,
    OPT_COUNT
};

#define OPT_BIT(id) (UINT64_C(1) << (id))
#define OPT_GLOBALS (OPT_BIT(OPT_GLOBAL_COUNT) - 1)

struct option_info {
    const char *name;  /* without the dashes */
    const char *value; /* what its value is called in help; NULL: takes none */
    const char *help;
    char letter; /* '\0': none */
    bool may_repeat;
};
const struct option_info *option_info(enum option_id id);

enum {
    OPTIONS_MOST = 128,
};

/* What was typed, in order. Borrows argv. */
struct arguments {
    size_t n_options;
    struct {
        enum option_id id;
        const char *value; /* "" for one that takes none */
    } options[OPTIONS_MOST];
    size_t n_words;
    char **words; /* what is no option; argv, moved together in place */
};

/*
 * Reads argv[1..]. `allowed`: a bit per option. Options may stand anywhere; "--" ends them.
 * Fails: false, with `error` (at most cap bytes) telling the option, the cause and the nearest
 * option there is.
 */
bool arguments_parse(int argc, char **argv, uint64_t allowed, struct arguments *out, char *error,
                     size_t cap);

/* The last value given, or NULL. */
const char *arguments_value(const struct arguments *arguments, enum option_id id);
bool arguments_has(const struct arguments *arguments, enum option_id id);
