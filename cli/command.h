/*
 * A command: how it is called, what its help says, what runs. `openclaw NOUN VERB [ID...]`.
 */
#pragma once

#include <openclaw/client.h>

#include "cli/context.h"
#include "cli/exit_code.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/terminal.h"

/* One invocation. Commands read it; only `client` changes, at the first call, and `context` when it
 * is chosen. */
struct cli {
    const struct terminal *terminal;
    const struct command *command;
    struct arguments args; /* words: what stands behind the verb */
    struct output output;
    bool assumes_yes;
    uint32_t timeout_ms;  /* of a call; 0: the library's */
    int64_t wait_ms;      /* of a command that waits; 0: its own */
    const char *data_dir; /* NULL: the library's */
    struct context context;
    struct oc_client *client;
    bool is_reader_gone; /* and that is no failure: it had what it wanted */
};

typedef enum exit_code (*command_fn)(struct cli *cli);

struct command {
    const char *verb;     /* "": the noun alone is the command */
    const char *words;    /* as usage shows what follows the verb; "" */
    const char *summary;  /* one line */
    const char *examples; /* lines, each indented by two */
    const char *notes;    /* paragraphs below the examples; NULL */
    uint64_t options;     /* OPT_BIT of each besides the global ones */
    size_t least_words, most_words;
    bool waits; /* --timeout is for all of it, and may be long */
    enum command_target target;
    command_fn run;
};

struct noun {
    const char *name;
    const char *summary;
    const struct command *commands;
    size_t n_commands;
};

/* The nouns, one per cmd_*.c. */
extern const struct noun agent_noun;
extern const struct noun audit_noun;
extern const struct noun context_noun;
extern const struct noun devices_noun;
extern const struct noun doctor_noun;
extern const struct noun events_noun;
extern const struct noun gateway_noun;
extern const struct noun identity_noun;
extern const struct noun pairing_noun;
extern const struct noun pki_noun;

extern const struct noun *const nouns[];
extern const size_t n_nouns;

/* Parses, finds the command, runs it, releases everything. argv is rearranged. */
enum exit_code command_main(const struct terminal *terminal, int argc, char **argv);

/* Usage error: says `format`, then where the help is. Returns EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) enum exit_code command_usage(const struct cli *cli,
                                                                   const char *format, ...);
