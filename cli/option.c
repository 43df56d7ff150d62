/* The table of options and its parser; see option.h. */
#include "cli/option.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/suggest.h"

static const struct option_info infos[OPT_COUNT] = {
    [OPT_DATA_DIR] = {"data-dir", "DIR", "data directory ($OPENCLAW_HOME, else ~/.openclaw)", '\0',
                      false},
    [OPT_CONTEXT] = {"context", "NAME",
                     "act on this gateway ($OPENCLAW_CONTEXT; local: this machine's)", '\0', false},
    [OPT_TIMEOUT] = {"timeout", "TIME", "give up a call after this long, at most 60s (10s)", '\0',
                     false},
    [OPT_OUTPUT] = {"output", "FORMAT", "table, wide, json, yaml, ndjson or name", 'o', false},
    [OPT_JSON] = {"json", NULL, "the same as -o json", '\0', false},
    [OPT_YES] = {"yes", NULL, "do not ask", 'y', false},
    [OPT_COLOR] = {"color", "WHEN", "auto, always or never", '\0', false},
    [OPT_HELP] = {"help", NULL, "show this help", 'h', false},
    [OPT_VERSION] = {"version", NULL, "show the version", '\0', false},
    [OPT_ACCEPT_ROLLBACK] = {"accept-rollback", NULL,
                             "serve the records that are there, in a new trust epoch", '\0', false},
    [OPT_AFTER] = {"after", "SEQ", "only what came after this number", '\0', false},
    [OPT_ALIAS] = {"alias", "NAME", "your own name for the device", '\0', false},
    [OPT_APPROVE] = {"approve", NULL, "approve: select a pending request; expect: at first connect",
                     '\0', false},
    [OPT_AS_IT_WAS] = {"as-it-was", NULL, "let in again who was shut out after the backup", '\0',
                       false},
    [OPT_BUNDLE] = {"bundle", "FILE", "what an administrator was given by pki issue", '\0', false},
    [OPT_BREAK_GLASS] = {"break-glass", NULL,
                         "approve although votes are missing: root, at the gateway, --reason", '\0',
                         false},
    [OPT_CA] = {"ca", "FILE", "trust gateways that this CA certifies", '\0', false},
    [OPT_CHECKPOINT] = {"checkpoint", "FILE", "checkpoints, or an export, that were kept elsewhere",
                        '\0', false},
    [OPT_CODE] = {"code", "CODE", "the pairing code that the agent shows", '\0', false},
    [OPT_CONFIG] = {"config", "FILE", "configuration (DATA_DIR/gateway.yaml)", '\0', false},
    [OPT_CREATE] = {"create", NULL, "make the identity if there is none", '\0', false},
    [OPT_CURSOR] = {"cursor", "CURSOR", "go on after the page that gave this next_cursor", '\0',
                    false},
    [OPT_DATABASE] = {"database", "FILE", "a copy of a gateway's database", '\0', false},
    [OPT_DEVICE] = {"device", "ID", "only what concerns this device", '\0', false},
    [OPT_FOLLOW] = {"follow", NULL, "show each record as it is written", '\0', false},
    [OPT_FOR] = {"for", "TIME", "ends by itself after 30m, 8h, 7d; wait: the state", '\0', false},
    [OPT_FROM] = {"from", "SEQ", "go on after this number, or this cursor of a line", '\0', false},
    [OPT_FROM_SEQ] = {"from-seq", "SEQ", "begin with this record", '\0', false},
    [OPT_GATEWAY] = {"gateway", "URL", "tls+tcp://HOST:PORT", '\0', false},
    [OPT_INIT] = {"init", NULL, "serve new, empty records: every device must pair again", '\0',
                  false},
    [OPT_KEEP_ASKING] = {"keep-asking", NULL, "go on after a rejection or revocation", '\0', false},
    [OPT_LABEL] = {"label", "KEY=VALUE", "a label", '\0', true},
    [OPT_LIMIT] = {"limit", "N", "at most this many", '\0', false},
    [OPT_NAME] = {"name", "NAME", "the name to claim (this host's)", '\0', false},
    [OPT_NEWEST] = {"newest", NULL, "newest first", '\0', false},
    [OPT_OFFLINE] = {"offline", "DIR", "a CA whose key no gateway holds", '\0', false},
    [OPT_ONCE] = {"once", NULL, "try once and end with the answer", '\0', false},
    [OPT_OUT] = {"out", "FILE", "where the bundle goes (NAME.bundle)", '\0', false},
    [OPT_PIN] = {"pin", "sha256:HEX", "the gateway's key, as `openclaw gateway info` shows it",
                 '\0', true},
    [OPT_PURPOSE] = {"purpose", "TEXT", "what the agent is for, shown to the administrator", '\0',
                     false},
    [OPT_REASON] = {"reason", "TEXT", "kept in the audit log", '\0', false},
    [OPT_REGISTER] = {"register", "FILE", "a certificate that such a CA signed elsewhere", '\0',
                      false},
    [OPT_REPLACE] = {"replace", NULL, "in the place of what is there; all that a CA signed is void",
                     '\0', false},
    [OPT_ROLE] = {"role", "ROLE", "of a device: agent; of a person: viewer, approver or admin",
                  '\0', false},
    [OPT_SCOPE] = {"scope", "SCOPE", "a scope; give it again, or several with commas", '\0', true},
    [OPT_SERVER_NAME] = {"server-name", "HOST", "the name in the gateway's certificate", '\0',
                         false},
    [OPT_STATE] = {"state", "STATE", "only pending, approved, rejected, revoked, blocked or none",
                   '\0', true},
    [OPT_ACTION] = {"action", "WORD", "only this: approve, reject, revoke, denied ...", '\0',
                    false},
    [OPT_ACTOR] = {"actor", "WHO", "only what this one did: uid:1000", '\0', false},
    [OPT_BEFORE] = {"before", "TIME", "only before this date or RFC 3339 time, or so long ago",
                    '\0', false},
    [OPT_OUTCOME] = {"outcome", "WORD", "only this: done, or why it was refused", '\0', false},
    [OPT_REQUEST] = {"request", "ID", "only what concerns this request", '\0', false},
    [OPT_SINCE] = {"since", "TIME", "only since this date or RFC 3339 time, or so long ago", '\0',
                   false},
    [OPT_TO_SEQ] = {"to-seq", "SEQ", "end with this record", '\0', false},
    [OPT_TTL] = {"ttl", "TIME", "how long the certificate is valid, at most 398d (90d)", '\0',
                 false},
    [OPT_UNTIL] = {"until", "DATE", "ends by itself then: 2027-01-31 or RFC 3339", '\0', false},
    [OPT_WAIT] = {"wait", NULL, "see that the device is offline, and say how long it took", '\0',
                  false},
    [OPT_WATCH] = {"watch", NULL, "go on with what changes", 'w', false},
};

const struct option_info *option_info(enum option_id id)
{
    return &infos[id];
}

static enum option_id find_by_name(const char *name, size_t length, uint64_t allowed)
{
    for (unsigned id = 0; id < OPT_COUNT; id++) {
        if ((allowed & OPT_BIT(id)) && strlen(infos[id].name) == length &&
            strncmp(infos[id].name, name, length) == 0) {
            return (enum option_id)id;
        }
    }
    return OPT_COUNT;
}

static enum option_id find_by_letter(char letter, uint64_t allowed)
{
    for (unsigned id = 0; id < OPT_COUNT; id++) {
        if ((allowed & OPT_BIT(id)) && infos[id].letter != '\0' && infos[id].letter == letter) {
            return (enum option_id)id;
        }
    }
    return OPT_COUNT;
}

/* The state of one reading of argv. */
struct parser {
    int argc;
    char **argv;
    int at; /* the word being read */
    uint64_t allowed;
    struct arguments *out;
    char *error;
    size_t cap;
};

__attribute__((format(printf, 2, 3))) static bool refuse(const struct parser *parser,
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(parser->error, parser->cap, format, arguments);
    va_end(arguments);
    return false;
}

static bool refuse_unknown(const struct parser *parser)
{
    const char *word = parser->argv[parser->at];
    char typed[40];
    (void)snprintf(typed, sizeof typed, "%.*s", (int)strcspn(word, "="), word);
    struct suggestion best = suggestion_start(typed);
    for (unsigned id = 0; id < OPT_COUNT; id++) {
        if (parser->allowed & OPT_BIT(id)) {
            char name[40];
            (void)snprintf(name, sizeof name, "--%s", infos[id].name);
            suggestion_consider(&best, name);
        }
    }
    if (best.name[0] != '\0') {
        return refuse(parser, "unknown option %s; did you mean %s?", typed, best.name);
    }
    return refuse(parser, "unknown option %s", typed);
}

static bool add_option(struct parser *parser, enum option_id id, const char *value)
{
    struct arguments *out = parser->out;
    if (!infos[id].may_repeat && infos[id].value && arguments_has(out, id)) {
        return refuse(parser, "--%s was given twice; give it once", infos[id].name);
    }
    if (out->n_options == OPTIONS_MOST) {
        return refuse(parser, "more than %d options", OPTIONS_MOST);
    }
    out->options[out->n_options].id = id;
    out->options[out->n_options].value = value;
    out->n_options++;
    return true;
}

/* The option that a word names, and the value in the same word or NULL. */
static enum option_id split_option(const char *word, uint64_t allowed, const char **value)
{
    if (word[1] == '-') {
        size_t length = strcspn(word + 2, "=");
        *value = word[2 + length] == '=' ? word + 3 + length : NULL;
        return find_by_name(word + 2, length, allowed);
    }
    *value = word[2] != '\0' ? word + 2 : NULL;
    return find_by_letter(word[1], allowed);
}

/* Reads an option, and its value, which may be the word behind it. */
static bool take_option(struct parser *parser)
{
    const char *value = NULL;
    enum option_id id = split_option(parser->argv[parser->at], parser->allowed, &value);
    if (id == OPT_COUNT) {
        return refuse_unknown(parser);
    }
    const struct option_info *info = &infos[id];
    if (!info->value && value) {
        return refuse(parser, "--%s takes no value", info->name);
    }
    if (info->value && !value) {
        if (parser->at + 1 >= parser->argc) {
            return refuse(parser, "--%s needs a value: --%s %s", info->name, info->name,
                          info->value);
        }
        parser->at++;
        value = parser->argv[parser->at];
    }
    return add_option(parser, id, value ? value : "");
}

bool arguments_parse(int argc, char **argv, uint64_t allowed, struct arguments *out, char *error,
                     size_t cap)
{
    struct parser parser = {.argc = argc,
                            .argv = argv,
                            .at = 1,
                            .allowed = allowed,
                            .out = out,
                            .error = error,
                            .cap = cap};
    *out = (struct arguments){.words = argv + 1};
    bool takes_options = true;
    for (; parser.at < argc; parser.at++) {
        char *word = argv[parser.at];
        if (takes_options && strcmp(word, "--") == 0) {
            takes_options = false;
        } else if (takes_options && word[0] == '-' && word[1] != '\0') {
            if (!take_option(&parser)) {
                return false;
            }
        } else {
            out->words[out->n_words++] = word;
        }
    }
    return true;
}

const char *arguments_value(const struct arguments *arguments, enum option_id id)
{
    for (size_t i = arguments->n_options; i > 0; i--) {
        if (arguments->options[i - 1].id == id) {
            return arguments->options[i - 1].value;
        }
    }
    return NULL;
}

bool arguments_has(const struct arguments *arguments, enum option_id id)
{
    return arguments_value(arguments, id) != NULL;
}
