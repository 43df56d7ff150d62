/* The table of options and its parser; see option.h. */
#include "cli/option.h"

#include <stdio.h>
#include <string.h>

#include "cli/suggest.h"

static const struct option_info infos[OPT_COUNT] = {
    [OPT_DATA_DIR] = {"data-dir", '\0', "DIR", "data directory ($OPENCLAW_HOME, else ~/.openclaw)",
                      false},
    [OPT_TIMEOUT] = {"timeout", '\0', "TIME", "give up a call after this long, at most 60s (10s)",
                     false},
    [OPT_OUTPUT] = {"output", 'o', "FORMAT", "table, wide, json, yaml, ndjson or name", false},
    [OPT_JSON] = {"json", '\0', NULL, "the same as -o json", false},
    [OPT_YES] = {"yes", 'y', NULL, "do not ask", false},
    [OPT_COLOR] = {"color", '\0', "WHEN", "auto, always or never", false},
    [OPT_HELP] = {"help", 'h', NULL, "show this help", false},
    [OPT_VERSION] = {"version", '\0', NULL, "show the version", false},
    [OPT_ACCEPT_ROLLBACK] = {"accept-rollback", '\0', NULL,
                             "serve the records that are there, in a new trust epoch", false},
    [OPT_AFTER] = {"after", '\0', "SEQ", "only what came after this number", false},
    [OPT_ALIAS] = {"alias", '\0', "NAME", "your own name for the device", false},
    [OPT_APPROVE] = {"approve", '\0', NULL,
                     "approve: select a pending request; expect: at first connect", false},
    [OPT_CA] = {"ca", '\0', "FILE", "trust gateways that this CA certifies", false},
    [OPT_CODE] = {"code", '\0', "CODE", "the pairing code that the agent shows", false},
    [OPT_CONFIG] = {"config", '\0', "FILE", "configuration (DATA_DIR/gateway.yaml)", false},
    [OPT_CREATE] = {"create", '\0', NULL, "make the identity if there is none", false},
    [OPT_CURSOR] = {"cursor", '\0', "CURSOR", "go on after the page that gave this next_cursor",
                    false},
    [OPT_DEVICE] = {"device", '\0', "ID", "only what concerns this device", false},
    [OPT_FOR] = {"for", '\0', "TIME", "ends by itself after 30m, 8h, 7d", false},
    [OPT_GATEWAY] = {"gateway", '\0', "URL", "tls+tcp://HOST:PORT", false},
    [OPT_INIT] = {"init", '\0', NULL, "serve new, empty records: every device must pair again",
                  false},
    [OPT_KEEP_ASKING] = {"keep-asking", '\0', NULL, "go on after a rejection or revocation", false},
    [OPT_LABEL] = {"label", '\0', "KEY=VALUE", "a label", true},
    [OPT_LIMIT] = {"limit", '\0', "N", "at most this many", false},
    [OPT_NAME] = {"name", '\0', "NAME", "the name to claim (this host's)", false},
    [OPT_NEWEST] = {"newest", '\0', NULL, "newest first", false},
    [OPT_ONCE] = {"once", '\0', NULL, "try once and end with the answer", false},
    [OPT_PIN] = {"pin", '\0', "sha256:HEX",
                 "the gateway's key, as `openclaw gateway info` shows it", true},
    [OPT_PURPOSE] = {"purpose", '\0', "TEXT", "what the agent is for, shown to the administrator",
                     false},
    [OPT_REASON] = {"reason", '\0', "TEXT", "kept in the audit log", false},
    [OPT_ROLE] = {"role", '\0', "ROLE", "the role", false},
    [OPT_SCOPE] = {"scope", '\0', "SCOPE", "a scope; give it again, or several with commas", true},
    [OPT_SERVER_NAME] = {"server-name", '\0', "HOST", "the name in the gateway's certificate",
                         false},
    [OPT_STATE] = {"state", '\0', "STATE",
                   "only pending, approved, rejected, revoked or blocked ones", true},
    [OPT_UNTIL] = {"until", '\0', "DATE", "ends by itself then: 2027-01-31 or RFC 3339", false},
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

static void explain_unknown(const char *word, uint64_t allowed, char *error, size_t cap)
{
    char typed[40];
    (void)snprintf(typed, sizeof typed, "%.*s", (int)strcspn(word, "="), word);
    struct suggestion best = suggestion_start(typed);
    for (unsigned id = 0; id < OPT_COUNT; id++) {
        if (allowed & OPT_BIT(id)) {
            char name[40];
            (void)snprintf(name, sizeof name, "--%s", infos[id].name);
            suggestion_consider(&best, name);
        }
    }
    if (best.name[0] != '\0') {
        (void)snprintf(error, cap, "unknown option %s; did you mean %s?", typed, best.name);
    } else {
        (void)snprintf(error, cap, "unknown option %s", typed);
    }
}

static bool add_option(struct arguments *out, enum option_id id, const char *value, char *error,
                       size_t cap)
{
    if (!infos[id].may_repeat && infos[id].value && arguments_has(out, id)) {
        (void)snprintf(error, cap, "--%s was given twice; give it once", infos[id].name);
        return false;
    }
    if (out->n_options == OPTIONS_MOST) {
        (void)snprintf(error, cap, "more than %d options", OPTIONS_MOST);
        return false;
    }
    out->options[out->n_options].id = id;
    out->options[out->n_options].value = value;
    out->n_options++;
    return true;
}

/* Reads the option at argv[*i], and its value, which may be the word behind it. */
static bool take_option(int argc, char **argv, int *i, uint64_t allowed, struct arguments *out,
                        char *error, size_t cap)
{
    const char *word = argv[*i];
    bool is_long = word[1] == '-';
    const char *value = NULL;
    enum option_id id;
    if (is_long) {
        size_t length = strcspn(word + 2, "=");
        id = find_by_name(word + 2, length, allowed);
        value = word[2 + length] == '=' ? word + 3 + length : NULL;
    } else {
        id = find_by_letter(word[1], allowed);
        value = word[2] != '\0' ? word + 2 : NULL;
    }
    if (id == OPT_COUNT) {
        explain_unknown(word, allowed, error, cap);
        return false;
    }
    if (!infos[id].value && value) {
        (void)snprintf(error, cap, "--%s takes no value", infos[id].name);
        return false;
    }
    if (infos[id].value && !value) {
        if (*i + 1 >= argc) {
            (void)snprintf(error, cap, "--%s needs a value: --%s %s", infos[id].name,
                           infos[id].name, infos[id].value);
            return false;
        }
        (*i)++;
        value = argv[*i];
    }
    return add_option(out, id, value ? value : "", error, cap);
}

bool arguments_parse(int argc, char **argv, uint64_t allowed, struct arguments *out, char *error,
                     size_t cap)
{
    *out = (struct arguments){.words = argv + 1};
    bool takes_options = true;
    for (int i = 1; i < argc; i++) {
        if (takes_options && strcmp(argv[i], "--") == 0) {
            takes_options = false;
        } else if (takes_options && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!take_option(argc, argv, &i, allowed, out, error, cap)) {
                return false;
            }
        } else {
            out->words[out->n_words++] = argv[i];
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
