/* openclaw gateway backup and restore; see gateway_upkeep.h. */
#include "cli/gateway_upkeep.h"

#include <inttypes.h>
#include <openclaw/backup.h>
#include <stdlib.h>
#include <string.h>

#include "cli/backup_file.h"
#include "cli/daemon.h"
#include "cli/failure.h"
#include "cli/memory.h"

enum {
    ID_DIGITS = 32,
    PATH_BYTES = 4096,
};

/* ---- backup --------------------------------------------------------------------------------- */

static void write_hex_id(struct writer *writer, const char *key, const uint8_t id[16])
{
    char text[ID_DIGITS + 1];
    for (size_t i = 0; i < 16; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", id[i]);
    }
    writer_text_or_null(writer, key, text);
}

static void write_count(struct writer *writer, const char *key, uint64_t count)
{
    writer_key(writer, key);
    writer_uint(writer, count);
}

static void write_backup(struct writer *writer, const void *item)
{
    const struct oc_backup *backup = item;
    writer_begin_object(writer);
    writer_text_or_null(writer, "path", backup->path);
    write_count(writer, "bytes", backup->bytes);
    write_hex_id(writer, "gateway_id", backup->gateway_id);
    write_hex_id(writer, "database_id", backup->database_id);
    write_count(writer, "epoch", backup->epoch);
    write_count(writer, "seq", backup->seq);
    writer_end_object(writer);
}

static const struct item_kind backup_kind = {.write = write_backup};

static void say_progress(void *user, const struct oc_backup *so_far)
{
    const struct terminal *terminal = user;
    if (terminal->is_interactive && so_far->pages > 0) {
        terminal_say(terminal, "%" PRIu64 " of %" PRIu64 " pages copied",
                     so_far->pages - so_far->pages_left, so_far->pages);
    }
}

static enum exit_code fail_backup(struct cli *cli, enum oc_status status,
                                  const struct oc_error *err)
{
    struct failure failure;
    (void)call_failure(&failure, cli, "cannot back up", status, err);
    return failure_say(cli->terminal, &failure);
}

/* The copy is made by the gateway; where it was asked for elsewhere it is taken there. */
static enum exit_code take_to(const struct cli *cli, const char *path, struct oc_backup *backup)
{
    struct failure failure;
    enum exit_code code = backup_file_take(backup->path, backup->gateway_uid, path, &failure);
    /* Nobody is told to do by hand what was refused. */
    if (code && strcmp(failure.cause, BACKUP_FILE_REFUSED) == 0) {
        return failure_say(cli->terminal, &failure);
    }
    if (code) {
        failure_advise(&failure, "the backup is made, and lies on the gateway's machine:  %s",
                       backup->path);
        failure_advise(&failure, "take it from there as root or as the user the gateway runs "
                                 "under");
        return failure_say(cli->terminal, &failure);
    }
    (void)snprintf(backup->path, sizeof backup->path, "%s", path);
    return EXIT_DONE;
}

static void print_backup(const struct cli *cli, const struct oc_backup *backup)
{
    /* Its name is the path, which may be longer than names of items are. */
    if (cli->output.format != OUTPUT_NAME && output_item(&cli->output, &backup_kind, backup)) {
        return;
    }
    (void)fprintf(cli->terminal->out, "%s\n", backup->path);
    terminal_say(cli->terminal,
                 "It holds everything up to change %" PRIu64 ", %" PRIu64 " KiB. It holds no "
                 "secret: gateway.key, secret.key and admin-ca.pem must be kept apart from it.",
                 backup->seq, (backup->bytes + 1023) / 1024);
}

enum exit_code gateway_run_backup(struct cli *cli)
{
    const char *path = cli->args.n_words > 0 ? cli->args.words[0] : NULL;
    struct failure failure;
    struct oc_error err;
    if ((path && backup_file_check(path, &failure)) || call_open(cli, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    struct oc_backup *backup = memory_zeroed(1, sizeof *backup);
    struct terminal terminal = *cli->terminal;
    enum oc_status status = oc_admin_backup(cli->client, say_progress, &terminal, backup, &err);
    enum exit_code code = status ? fail_backup(cli, status, &err) : EXIT_DONE;
    if (!code && path) {
        code = take_to(cli, path, backup);
    }
    if (!code) {
        print_backup(cli, backup);
    }
    free(backup);
    return code;
}

/* ---- restore: the daemon beside this program ------------------------------------------------- */

enum exit_code gateway_run_restore(struct cli *cli)
{
    const char *words[5] = {NULL};
    size_t n = 0;
    if (cli->assumes_yes) {
        words[n++] = "--yes";
    }
    if (arguments_has(&cli->args, OPT_AS_IT_WAS)) {
        words[n++] = "--as-it-was";
    }
    words[n++] = "--";
    words[n] = cli->args.words[0];
    return daemon_exec(cli, "restore", words);
}

void gateway_format_missing(const struct oc_gateway_status *status, char *out, size_t cap)
{
    char since[MOMENT_BYTES];
    const uint64_t n = status->missing_to_seq - status->missing_from_seq + 1;
    moment_format(status->missing_since_ms, since);
    (void)snprintf(out, cap,
                   "%" PRIu64 " audit record%s, %" PRIu64 " to %" PRIu64
                   ", of which the last checkpoint tells; what is there ends %s%s",
                   n, n == 1 ? "" : "s", status->missing_from_seq, status->missing_to_seq,
                   status->missing_since_ms ? "at " : "before the first",
                   status->missing_since_ms ? since : "");
}

void gateway_say_lost(const struct cli *cli, const struct oc_gateway_status *status)
{
    char path[PATH_BYTES];
    char line[512];
    char wanted[96];
    char dir[PATH_BYTES / 2];
    struct oc_error err;
    const char *data_dir = cli->data_dir;
    if (!data_dir) {
        if (oc_default_data_dir(dir, sizeof dir, &err)) {
            return;
        }
        data_dir = dir;
    }
    (void)snprintf(path, sizeof path, "%s/gateway/lost-decisions.txt", data_dir);
    (void)snprintf(wanted, sizeof wanted, "restored change %" PRIu64 " of epoch %" PRIu64 "\n",
                   status->seq, status->epoch);
    FILE *file = fopen(path, "re");
    if (file && fgets(line, sizeof line, file) && strcmp(line, wanted) == 0) {
        terminal_say(cli->terminal, "This state was restored from a backup:");
        while (fgets(line, sizeof line, file)) {
            terminal_say(cli->terminal, "%.*s", (int)strcspn(line, "\n"), line);
        }
    }
    if (file) {
        (void)fclose(file);
    }
}
