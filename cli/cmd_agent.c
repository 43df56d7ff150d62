/* openclaw agent: the reference agent, and what it trusts. */
#include <openclaw/pairing.h>
#include <string.h>

#include "cli/agent_run.h"
#include "cli/escape.h"
#include "cli/failure.h"
#include "cli/values.h"

/* ---- trust ----------------------------------------------------------------------------------- */

struct trust_item {
    const char *gateway;
    struct oc_trust trust;
};

static void format_pin(const struct oc_digest *pin, char out[OUTPUT_NAME_BYTES])
{
    memcpy(out, "sha256:", 8);
    for (size_t i = 0; i < sizeof pin->bytes; i++) {
        (void)snprintf(out + 7 + 2 * i, 3, "%02x", pin->bytes[i]);
    }
}

static void write_trust(struct writer *writer, const void *item)
{
    const struct trust_item *trust = item;
    writer_begin_object(writer);
    writer_text_or_null(writer, "gateway", trust->gateway);
    writer_key(writer, "pins");
    writer_begin_list(writer);
    for (size_t i = 0; i < trust->trust.n_pins; i++) {
        char pin[OUTPUT_NAME_BYTES];
        format_pin(&trust->trust.pins[i], pin);
        writer_string(writer, pin);
    }
    writer_end_list(writer);
    writer_key(writer, "first_use");
    writer_bool(writer, trust->trust.is_first_use);
    writer_end_object(writer);
}

static void name_trust(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct trust_item *trust = item;
    out[0] = '\0';
    if (trust->trust.n_pins > 0) {
        format_pin(&trust->trust.pins[0], out);
    }
}

static const struct item_kind trust_kind = {.write = write_trust, .name = name_trust};

static void print_trust(const struct cli *cli, const struct trust_item *item)
{
    char text[CELL_BYTES];
    escape_for_terminal(item->gateway, text, sizeof text);
    output_fact(cli->terminal->out, "gateway", text);
    for (size_t i = 0; i < item->trust.n_pins; i++) {
        char pin[OUTPUT_NAME_BYTES];
        format_pin(&item->trust.pins[i], pin);
        output_fact(cli->terminal->out, "pin", pin);
    }
    if (item->trust.is_first_use) {
        output_fact(cli->terminal->out, "note", "recorded at first contact, confirmed by nobody");
    }
}

enum exit_code agent_read_pins(const struct cli *cli, struct oc_trust *out)
{
    *out = (struct oc_trust){.n_pins = 0};
    for (size_t i = 0; i < cli->args.n_options; i++) {
        const char *value = cli->args.options[i].value;
        if (cli->args.options[i].id != OPT_PIN) {
            continue;
        }
        if (out->n_pins == OC_MAX_PINS) {
            return command_usage(cli, "--pin: at most %d", OC_MAX_PINS);
        }
        if (!oc_pin_parse(value, &out->pins[out->n_pins])) {
            return command_usage(cli,
                                 "--pin %s: give sha256: and 64 hex digits, as openclaw gateway "
                                 "info shows them",
                                 value);
        }
        out->n_pins++;
    }
    return EXIT_DONE;
}

static enum exit_code run_trust(struct cli *cli)
{
    struct trust_item item = {.gateway = arguments_value(&cli->args, OPT_GATEWAY)};
    struct failure failure;
    struct oc_error err;
    if (!item.gateway) {
        return command_usage(cli, "agent trust needs --gateway tls+tcp://HOST:PORT");
    }
    enum exit_code code = agent_read_pins(cli, &item.trust);
    if (code) {
        return code;
    }
    bool replaces = item.trust.n_pins > 0;
    enum oc_status status = replaces
                                ? oc_trust_save(cli->data_dir, item.gateway, &item.trust, &err)
                                : oc_trust_load(cli->data_dir, item.gateway, &item.trust, &err);
    if (status) {
        failure_set(&failure, exit_code_of(status), "cannot %s the pins of %s: %s",
                    replaces ? "replace" : "read", item.gateway, err.text);
        if (status == OC_NOT_FOUND) {
            failure_advise(&failure, "record one:  openclaw agent trust --gateway %s --pin PIN",
                           item.gateway);
        }
        return failure_say(cli->terminal, &failure);
    }
    if (!output_item(&cli->output, &trust_kind, &item)) {
        print_trust(cli, &item);
    }
    return EXIT_DONE;
}

static const struct command commands[] = {
    {
        .verb = "run",
        .words = "",
        .summary = "Connects to a gateway, waits to be approved, stays connected",
        .examples =
            "  openclaw agent run --gateway tls+tcp://gw.example:18789 --pin sha256:6b1f...\n"
            "  openclaw agent run --gateway tls+tcp://127.0.0.1:18789 --once\n"
            "  openclaw agent run --gateway tls+tcp://gw.example:18789 --name web-1 \\\n"
            "      --role agent --scope chat --label site=berlin\n",
        .notes = "`openclaw gateway info` on the gateway machine shows address and pin. Without a\n"
                 "pin and a CA the first gateway that answers is trusted, with a warning.\n"
                 "Ends with 5 when rejected, revoked or blocked, with 4 when the gateway is not\n"
                 "the pinned one, and with 9 after --once while it awaits approval.\n",
        .options = OPT_BIT(OPT_GATEWAY) | OPT_BIT(OPT_PIN) | OPT_BIT(OPT_CA) |
                   OPT_BIT(OPT_SERVER_NAME) | OPT_BIT(OPT_NAME) | OPT_BIT(OPT_ROLE) |
                   OPT_BIT(OPT_SCOPE) | OPT_BIT(OPT_LABEL) | OPT_BIT(OPT_PURPOSE) |
                   OPT_BIT(OPT_ONCE) | OPT_BIT(OPT_KEEP_ASKING),
        .target = TARGET_NONE,
        .run = agent_run,
    },
    {
        .verb = "trust",
        .words = "",
        .summary = "Shows the pins of a gateway, or replaces them",
        .examples = "  openclaw agent trust --gateway tls+tcp://gw.example:18789\n"
                    "  openclaw agent trust --gateway tls+tcp://gw.example:18789 --pin "
                    "sha256:6b1f...\n",
        .options = OPT_BIT(OPT_GATEWAY) | OPT_BIT(OPT_PIN),
        .target = TARGET_NONE,
        .run = run_trust,
    },
};

const struct noun agent_noun = {
    .name = "agent",
    .summary = "the reference agent of this host",
    .commands = commands,
    .n_commands = sizeof commands / sizeof commands[0],
};
