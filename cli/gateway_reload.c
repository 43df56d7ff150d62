/* openclaw gateway reload; see gateway_reload.h. */
#include "cli/gateway_reload.h"

#include <openclaw/reload.h>
#include <stdlib.h>

#include "cli/escape.h"
#include "cli/failure.h"
#include "cli/memory.h"

enum {
    LINE_BYTES = 2048,
};

/* ---- for programs ---------------------------------------------------------------------------- */

static void write_keys(struct writer *writer, const char *key, const struct oc_reload_keys *keys)
{
    writer_key(writer, key);
    writer_begin_list(writer);
    for (size_t i = 0; i < keys->n; i++) {
        writer_string(writer, keys->items[i]);
    }
    writer_end_list(writer);
}

static void write_reload(struct writer *writer, const void *item)
{
    const struct oc_reload *reload = item;
    writer_begin_object(writer);
    writer_text_or_null(writer, "path", reload->path);
    write_keys(writer, "changed", &reload->changed);
    write_keys(writer, "needs_restart", &reload->needs_restart);
    writer_key(writer, "audited");
    writer_bool(writer, reload->is_audited);
    writer_end_object(writer);
}

static const struct item_kind reload_kind = {.write = write_reload};

/* ---- for people ------------------------------------------------------------------------------ */

static void print_keys(const struct cli *cli, const char *label, const struct oc_reload_keys *keys)
{
    char line[LINE_BYTES] = "";
    size_t used = 0;
    for (size_t i = 0; i < keys->n && used < sizeof line; i++) {
        char safe[4 * OC_MAX_RELOAD_KEY_BYTES];
        escape_for_terminal(keys->items[i], safe, sizeof safe);
        const int more = snprintf(line + used, sizeof line - used, "%s%s", i > 0 ? ", " : "", safe);
        used += more > 0 ? (size_t)more : 0;
    }
    output_fact(cli->terminal->out, label, line);
}

/* What a script goes through: the keys that changed. */
static void print_names(const struct cli *cli, const struct oc_reload_keys *keys)
{
    for (size_t i = 0; i < keys->n; i++) {
        char safe[4 * OC_MAX_RELOAD_KEY_BYTES];
        escape_for_terminal(keys->items[i], safe, sizeof safe);
        (void)fprintf(cli->terminal->out, "%s\n", safe);
    }
}

static void print_reload(const struct cli *cli, const struct oc_reload *reload)
{
    char path[LINE_BYTES];
    if (cli->output.format == OUTPUT_NAME) {
        print_names(cli, &reload->changed);
        return;
    }
    if (output_item(&cli->output, &reload_kind, reload)) {
        return;
    }
    escape_for_terminal(reload->path, path, sizeof path);
    output_fact(cli->terminal->out, "file", path[0] != '\0' ? path : "none: the defaults hold");
    if (reload->changed.n == 0) {
        output_fact(cli->terminal->out, "changed", "nothing");
    }
    print_keys(cli, "changed", &reload->changed);
    print_keys(cli, "restart", &reload->needs_restart);
}

static void warn(const struct cli *cli, const struct oc_reload *reload)
{
    if (reload->needs_restart.n > 0) {
        terminal_say(cli->terminal, "openclaw: warning: what stands under restart keeps its old "
                                    "value until the gateway is restarted");
    }
    if (!reload->is_audited) {
        terminal_say(cli->terminal, "openclaw: warning: the reload is not in the audit: the "
                                    "gateway's database could not take it; see openclaw gateway "
                                    "status");
    }
}

static enum exit_code refused(const struct cli *cli, const struct oc_reload *reload)
{
    struct failure failure;
    failure_set(&failure, EXIT_FAILED, "the gateway keeps its old configuration: %s",
                reload->problem);
    failure_advise(&failure, "mend the file, look at it, and try again:  openclaw gateway "
                             "check-config");
    return failure_say(cli->terminal, &failure);
}

/* ---- the command ----------------------------------------------------------------------------- */

static enum exit_code ask(struct cli *cli, struct oc_reload *reload)
{
    struct failure failure;
    struct oc_error err;
    if (call_open(cli, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    enum oc_status status = oc_admin_reload(cli->client, reload, &err);
    if (status) {
        (void)call_failure(&failure, cli, "cannot reload", status, &err);
        return failure_say(cli->terminal, &failure);
    }
    return reload->problem[0] != '\0' ? refused(cli, reload) : EXIT_DONE;
}

enum exit_code gateway_run_reload(struct cli *cli)
{
    struct oc_reload *reload = memory_zeroed(1, sizeof *reload);
    const enum exit_code code = ask(cli, reload);
    if (!code) {
        print_reload(cli, reload);
        warn(cli, reload);
    }
    free(reload);
    return code;
}
