/* openclaw identity: the key that this host's agent is known by. */
#include <openclaw/pairing.h>

#include "cli/escape.h"
#include "cli/failure.h"

static void write_identity(struct writer *writer, const void *item)
{
    const struct oc_identity_info *info = item;
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&info->device_id, id);
    writer_begin_object(writer);
    writer_text_or_null(writer, "device_id", id);
    writer_text_or_null(writer, "key_path", info->key_path);
    writer_key(writer, "created");
    writer_bool(writer, info->was_created);
    writer_end_object(writer);
}

static void name_identity(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct oc_identity_info *info = item;
    oc_device_id_format(&info->device_id, out);
}

static const struct item_kind identity_kind = {.write = write_identity, .name = name_identity};

static enum exit_code run_show(struct cli *cli)
{
    struct oc_identity_info info;
    struct oc_error err;
    bool may_create = arguments_has(&cli->args, OPT_CREATE);
    enum oc_status status = oc_identity_info(cli->data_dir, may_create, &info, &err);
    if (status) {
        struct failure failure;
        failure_set(&failure, exit_code_of(status), "cannot read the identity: %s", err.text);
        if (status == OC_NOT_FOUND) {
            failure_advise(&failure, "the first `openclaw agent run` makes one, or:  "
                                     "openclaw identity show --create");
        }
        return failure_say(cli->terminal, &failure);
    }
    if (!output_item(&cli->output, &identity_kind, &info)) {
        char id[OC_DEVICE_ID_DIGITS + 1];
        char path[ESCAPE_MOST * sizeof info.key_path];
        oc_device_id_format(&info.device_id, id);
        escape_for_terminal(info.key_path, path, sizeof path);
        output_fact(cli->terminal->out, "device", id);
        output_fact(cli->terminal->out, "key", path);
    }
    return EXIT_DONE;
}

static const struct command commands[] = {
    {
        .verb = "show",
        .words = "",
        .summary = "The device id of this host's agent, and where its key is",
        .examples = "  openclaw identity show\n"
                    "  openclaw identity show -o name       the device id alone\n",
        .notes = "The key stays the same as long as the data directory does. In a container, keep\n"
                 "that directory on a volume.\n",
        .options = OPT_BIT(OPT_CREATE),
        .target = TARGET_NONE,
        .run = run_show,
    },
};

const struct noun identity_noun = {
    .name = "identity",
    .summary = "the key that this host's agent is known by",
    .commands = commands,
    .n_commands = sizeof commands / sizeof commands[0],
};
