/* Help texts, examples first; see help.h. */
#include "cli/help.h"

#include <string.h>

void help_overview(FILE *out)
{
    (void)fputs("openclaw: admits agents to an OpenClaw gateway, and runs them\n"
                "\n"
                "  openclaw gateway run                 start the gateway on this machine\n"
                "  openclaw gateway info                address and pin to give to agents\n"
                "  openclaw agent run --gateway URL     connect an agent; it waits for approval\n"
                "  openclaw pairing list                who is approved, who awaits approval\n"
                "  openclaw devices approve             select a waiting agent and admit it\n"
                "  openclaw devices revoke              end a pairing\n"
                "  openclaw --context prod ...          the same from another machine\n"
                "  openclaw doctor                      what is wrong here, and what mends it\n"
                "\n"
                "usage: openclaw NOUN VERB [ID...] [options]\n"
                "\n",
                out);
    for (size_t i = 0; i < n_nouns; i++) {
        (void)fprintf(out, "  %-10s ", nouns[i]->name);
        for (size_t j = 0; j < nouns[i]->n_commands; j++) {
            const char *verb = nouns[i]->commands[j].verb;
            (void)fprintf(out, "%s%s", j > 0 ? ", " : "", *verb ? verb : nouns[i]->summary);
        }
        (void)fputc('\n', out);
    }
    (void)fputs("\n"
                "`openclaw NOUN VERB --help` shows examples and options.\n"
                "Administering is done on the gateway's machine, or from another one with a "
                "context.\n"
                "\n"
                "exit codes:\n",
                out);
    for (int code = 0; code < EXIT_CODE_COUNT; code++) {
        (void)fprintf(out, "  %d  %s\n", code, exit_code_text((enum exit_code)code));
    }
    (void)fputs("  130, 143  ended by SIGINT, SIGTERM (what watches)\n", out);
}

void help_noun(FILE *out, const struct noun *noun)
{
    (void)fprintf(out, "openclaw %s: %s\n\n", noun->name, noun->summary);
    for (size_t i = 0; i < noun->n_commands; i++) {
        const struct command *command = &noun->commands[i];
        char call[64];
        (void)snprintf(call, sizeof call, "%s%s%s", command->verb, command->words[0] ? " " : "",
                       command->words);
        (void)fprintf(out, "  openclaw %s %-22s %s\n", noun->name, call, command->summary);
    }
    (void)fprintf(out, "\n`openclaw %s VERB --help` shows examples and options.\n", noun->name);
}

static void help_option(FILE *out, enum option_id id)
{
    const struct option_info *info = option_info(id);
    char call[64];
    char letter[8] = "    ";
    if (info->letter != '\0') {
        (void)snprintf(letter, sizeof letter, "-%c, ", info->letter);
    }
    (void)snprintf(call, sizeof call, "%s--%s%s%s", letter, info->name, info->value ? " " : "",
                   info->value ? info->value : "");
    (void)fprintf(out, "  %-28s %s\n", call, info->help);
}

void help_command(FILE *out, const struct noun *noun, const struct command *command)
{
    (void)fprintf(out, "%s\n", command->examples);
    (void)fprintf(out, "usage: openclaw %s%s%s%s%s [options]\n\n%s.\n", noun->name,
                  command->verb[0] ? " " : "", command->verb, command->words[0] ? " " : "",
                  command->words, command->summary);
    if (command->notes) {
        (void)fprintf(out, "\n%s", command->notes);
    }
    (void)fputs("\noptions:\n", out);
    for (unsigned id = OPT_GLOBAL_COUNT; id < OPT_COUNT; id++) {
        if (command->options & OPT_BIT(id)) {
            help_option(out, (enum option_id)id);
        }
    }
    bool has_context = command->target != TARGET_NONE && command->target != TARGET_HERE_TOLD;
    for (unsigned id = 0; id < OPT_GLOBAL_COUNT; id++) {
        if (id != OPT_CONTEXT || has_context) {
            help_option(out, (enum option_id)id);
        }
    }
}
