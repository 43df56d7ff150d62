/*
 * See restore.h. The way of a backup into its place:
 *
 *     FILE -> gateway.db.incoming (a copy of our own: what is checked is what is put in place)
 *          -> gateway.db.replaced-MS (renamed)
 *          <-> gateway.db (exchanged, in one step; now the one before is called replaced-MS)
 *
 * The present database is closed properly before, which leaves it without a write-ahead log: a log
 * would be replayed into the database that takes its name. One that is left, of a database that
 * cannot be read or is gone, is moved aside, durably, before anything takes that name.
 */
#include "server/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/database_copy.h"
#include "server/restore_administrators.h"
#include "server/restore_withdraw.h"
#include "server/store/directory.h"
#include "server/store/marker.h"

enum {
    PATH_BYTES = STATE_PATH_BYTES + 64,
};

struct restore {
    const struct restore_options *options;
    struct state state;
    struct restore_side backup, present;
    struct restore_lost lost;
    struct restore_signed checkpoint;
    struct restore_withdrawn withdrawn;
    struct restore_administrators administrators;
    struct store_identity restored; /* the backup with what was made again */
    bool has_marker;
    bool owns_incoming;
    struct store_identity marker;
    char incoming[PATH_BYTES];
    char aside[PATH_BYTES];
};

/* ---- small things ---------------------------------------------------------------------------- */

static bool is_there(const char *path, const char *suffix)
{
    char name[PATH_BYTES + 16];
    struct stat facts;
    (void)snprintf(name, sizeof name, "%s%s", path, suffix);
    return lstat(name, &facts) == 0;
}

/* ---- looking at both ------------------------------------------------------------------------- */

static enum oc_status open_side(struct restore *restore, const char *path,
                                struct restore_side *side, struct oc_error *err)
{
    const struct store_options options = {
        .path = path,
        .row_key = &restore->state.row_key,
        .now_ms = restore->options->now_ms,
    };
    enum oc_status st = store_open_sqlite(&options, &side->store, err);
    if (!st) {
        side->identity = store_identity(side->store);
        st = store_verify(side->store, &side->findings, err);
    }
    if (st) {
        store_close(side->store);
        side->store = NULL;
    }
    return st;
}

/* The store's words name the copy; the reader knows the file that was given. */
static enum oc_status refuse_backup(const struct restore *restore, enum oc_status status,
                                    struct oc_error *err)
{
    char text[OC_ERROR_TEXT_BYTES];
    const char *why = strstr(err->text, restore->incoming);
    why = why ? why + strlen(restore->incoming) : err->text;
    why += strspn(why, ": ");
    if (status == OC_DATA_LOSS) {
        (void)snprintf(text, sizeof text,
                       "%s cannot be restored: %s; take another backup, one that `openclaw "
                       "gateway backup` made",
                       restore->options->file, why);
    } else {
        (void)snprintf(text, sizeof text, "%s cannot be restored: %s", restore->options->file, why);
    }
    return oc_fail(err, status, "%s", text);
}

/* Whose records they are: their codes are made with this gateway's key, over its id. */
static enum oc_status check_ours(const struct restore *restore, struct oc_error *err)
{
    const struct restore_side *backup = &restore->backup;
    const uint8_t *ours = restore->has_marker      ? restore->marker.gateway_id
                          : restore->present.store ? restore->present.identity.gateway_id
                                                   : NULL;
    if (ours && memcmp(backup->identity.gateway_id, ours, STORE_ID_BYTES) != 0) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "%s is a backup of another gateway; restore it in that gateway's own data "
                       "directory, beside its keys",
                       restore->options->file);
    }
    const struct store_findings *findings = &backup->findings;
    if (findings->n_records > 0 && findings->n_quarantined >= findings->n_records) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "%s was made under another secret.key than the one in %s: not one of its "
                       "records is authentic; put the right secret.key there",
                       restore->options->file, restore->options->state_dir);
    }
    return OC_OK;
}

static enum oc_status look_at_present(struct restore *restore, struct oc_error *err)
{
    struct oc_error why;
    struct restore_side *present = &restore->present;
    present->path = restore->state.database_path;
    enum oc_status st = marker_read(restore->state.marker_path, &restore->marker, &why);
    restore->has_marker = st == OC_OK;
    if (!is_there(present->path, "")) {
        present->has_lone_log = database_copy_has_log(present->path);
        return OC_OK;
    }
    st = open_side(restore, present->path, present, &why);
    if (st == OC_RESOURCE_EXHAUSTED) {
        *err = why; /* not a word about the database: with room it may be read */
        return st;
    }
    if (st) {
        (void)snprintf(present->trouble, sizeof present->trouble, "%s", why.text);
        present->has_lone_log = database_copy_has_log(present->path);
    }
    return OC_OK;
}

/* The copy of a restore that was cut off gives way, unless it is the file that was named. */
static enum oc_status make_room(struct restore *restore, struct oc_error *err)
{
    static const char *const suffixes[] = {"", "-wal", "-journal"};
    struct stat file;
    if (stat(restore->options->file, &file)) {
        return database_copy_fail(restore->options->file, "cannot be opened", err);
    }
    for (size_t i = 0; i < OC_ARRAY_LENGTH(suffixes); i++) {
        char name[PATH_BYTES + 16];
        struct stat facts;
        (void)snprintf(name, sizeof name, "%s%s", restore->incoming, suffixes[i]);
        if (!lstat(name, &facts) && facts.st_dev == file.st_dev && facts.st_ino == file.st_ino) {
            return oc_fail(err, OC_FAILED_PRECONDITION,
                           "%s is no backup, but what a restore that was cut off left; restore the "
                           "backup that it was made of",
                           restore->options->file);
        }
    }
    database_copy_remove(restore->incoming);
    restore->owns_incoming = true;
    return OC_OK;
}

static enum oc_status look_at_both(struct restore *restore, struct oc_error *err)
{
    enum oc_status st = make_room(restore, err);
    if (!st) {
        st = database_copy_make(restore->options->file, restore->incoming, err);
    }
    if (!st) {
        restore->backup.path = restore->options->file;
        st = open_side(restore, restore->incoming, &restore->backup, err);
        if (st) {
            return refuse_backup(restore, st, err);
        }
    }
    if (!st) {
        st = look_at_present(restore, err);
    }
    if (!st) {
        st = check_ours(restore, err);
    }
    if (!st) {
        restore_look_at_checkpoint(&restore->backup, restore->options->checkpoint_file,
                                   restore->state.identity, &restore->checkpoint);
        st = restore_compare(&restore->backup, &restore->present, &restore->lost, err);
    }
    restore->lost.is_vouched =
        restore->has_marker &&
        store_lock_reason(&restore->backup.identity, &restore->marker) == STORE_LOCK_NONE;
    return st;
}

/* In the copy, so that what is said before the question is what is done. */
static enum oc_status withdraw_again(struct restore *restore, struct oc_error *err)
{
    const struct restore_options *options = restore->options;
    enum oc_status st = OC_OK;
    if (!options->as_it_was && restore->present.store) {
        st = restore_withdraw(&restore->backup, &restore->present, &restore->lost, options->now_ms,
                              &restore->withdrawn, err);
    }
    if (!st && !options->as_it_was) {
        st = restore_withdraw_administrators(&restore->backup, &restore->present, &restore->lost,
                                             options->now_ms, &restore->administrators, err);
    }
    restore->restored = store_identity(restore->backup.store);
    return st;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void print_report(const struct restore *restore, FILE *out)
{
    restore_print(out, &restore->backup, &restore->present, &restore->lost, &restore->withdrawn,
                  restore->options->as_it_was);
    restore_print_administrators(out, &restore->administrators);
    restore_print_checkpoint(out, &restore->backup, &restore->checkpoint);
}

static bool is_confirmed(const struct restore_options *options)
{
    char answer[16] = "";
    if (options->assumes_yes) {
        return true;
    }
    if (!options->may_ask) {
        (void)fprintf(options->err, "openclaw-gateway: nothing was changed; to do it, say so with "
                                    "--yes\n");
        return false;
    }
    (void)fprintf(options->err,
                  "Put the backup in place? What is there is moved aside, not deleted. [y/N] ");
    (void)fflush(options->err);
    const bool is_answered = fgets(answer, sizeof answer, options->in) != NULL;
    if (!is_answered || (strcmp(answer, "y\n") != 0 && strcmp(answer, "yes\n") != 0)) {
        (void)fprintf(options->err, "Nothing was changed.\n");
        return false;
    }
    return true;
}

/* ---- putting it in place --------------------------------------------------------------------- */

/* For the moment of the unlock, and for whoever makes the decisions again. */
static enum oc_status write_lost(const struct restore *restore, struct oc_error *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *file = open_memstream(&text, &n);
    if (!file) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "restore: out of memory");
    }
    (void)fprintf(file, "restored change %" PRIu64 " of epoch %" PRIu64 "\n", restore->restored.seq,
                  restore->restored.epoch);
    print_report(restore, file);
    (void)fclose(file);
    enum oc_status st = state_dir_write_file(restore->state.dir, RESTORE_LOST_FILE, text, n, err);
    free(text);
    return st;
}

/* Closing writes the log into the database and removes it; both must stand alone now. */
static enum oc_status close_both(struct restore *restore, struct oc_error *err)
{
    store_close(restore->backup.store);
    store_close(restore->present.store);
    restore->backup.store = NULL;
    restore->present.store = NULL;
    if (is_there(restore->incoming, "-wal")) {
        return oc_fail(err, OC_UNAVAILABLE, "%s: its log could not be written into it",
                       restore->incoming);
    }
    const int fd = open(restore->incoming, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    const int failed = fd < 0 || fsync(fd) != 0 ? -1 : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return failed ? database_copy_fail(restore->incoming, "cannot be synced", err) : OC_OK;
}

/* The log of a database that cannot be read, or is gone, goes where that goes. If this is the last
 * thing that happens, what is left is behind the marker, unreadable or missing: locked, as it was.
 */
static enum oc_status move_logs(const struct restore *restore, struct oc_error *err)
{
    static const char *const suffixes[] = {"-wal", "-journal", "-shm"};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(suffixes); i++) {
        char from[PATH_BYTES + 16];
        char to[PATH_BYTES + 16];
        (void)snprintf(from, sizeof from, "%s%s", restore->state.database_path, suffixes[i]);
        (void)snprintf(to, sizeof to, "%s%s", restore->aside, suffixes[i]);
        if (is_there(to, "") && is_there(from, "")) {
            return oc_fail(err, OC_UNAVAILABLE, "%s: cannot be moved aside: %s is there", from, to);
        }
        if (rename(from, to) && errno != ENOENT) {
            return database_copy_fail(from, "cannot be moved aside", err);
        }
    }
    return OC_OK;
}

static enum oc_status take_place(const struct restore *restore, bool has_database,
                                 struct oc_error *err)
{
    const char *path = restore->state.database_path;
    if (!has_database) {
        return rename(restore->incoming, path)
                   ? database_copy_fail(path, "cannot be put in place", err)
                   : OC_OK;
    }
    if (renameat2(AT_FDCWD, restore->aside, AT_FDCWD, path, RENAME_EXCHANGE)) {
        (void)database_copy_fail(path, "cannot be exchanged with the backup on this file system",
                                 err);
        (void)unlink(restore->aside); /* it is still the copy of the backup */
        return err->status;
    }
    return OC_OK;
}

static enum oc_status exchange(const struct restore *restore, struct oc_error *err)
{
    const char *path = restore->state.database_path;
    const bool has_database = is_there(path, "");
    enum oc_status st = move_logs(restore, err);
    if (!st && has_database &&
        renameat2(AT_FDCWD, restore->incoming, AT_FDCWD, restore->aside, RENAME_NOREPLACE)) {
        st = database_copy_fail(restore->aside, "cannot be made", err);
    }
    if (!st) {
        st = directory_sync_of(path, err); /* a power cut must not put the log back beside it */
    }
    if (!st) {
        st = take_place(restore, has_database, err);
    }
    return st ? st : directory_sync_of(path, err);
}

/* A state that lacks anything of the present one must not pass for the newest: not because the
 * marker, which is written once a second at most, is behind, nor because as many changes were made
 * again. */
static enum oc_status raise_marker(struct restore *restore, struct oc_error *err)
{
    const struct store_identity *restored = &restore->restored;
    struct store_identity *marker = &restore->marker;
    const bool lacks_something = restore->lost.is_later || !restore->lost.is_vouched;
    if (!restore->has_marker || !lacks_something || restored->epoch != marker->epoch ||
        restored->seq < marker->seq) {
        return OC_OK;
    }
    marker->seq = restored->seq + 1;
    return marker_write(restore->state.marker_path, marker, err);
}

static enum oc_status put_in_place(struct restore *restore, struct oc_error *err)
{
    enum oc_status st = raise_marker(restore, err);
    if (!st) {
        st = write_lost(restore, err);
    }
    if (!st) {
        st = state_note_restored(&restore->state, restore->backup.store,
                                 restore->has_marker ? &restore->marker : NULL, err);
    }
    if (!st) {
        st = close_both(restore, err);
    }
    return st ? st : exchange(restore, err);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void tell_done(const struct restore *restore, bool had_database)
{
    FILE *out = restore->options->out;
    const enum store_lock lock =
        store_lock_reason(&restore->restored, restore->has_marker ? &restore->marker : NULL);
    (void)fprintf(out, "restored %s\n", restore->state.database_path);
    if (had_database) {
        (void)fprintf(out, "the database before lies at %s\n", restore->aside);
    }
    if (is_there(restore->aside, "-wal")) {
        (void)fprintf(out, "the log that was found lies at %s-wal\n", restore->aside);
    }
    (void)fprintf(out, "next:  openclaw gateway run\n");
    if (lock != STORE_LOCK_NONE) {
        (void)fprintf(out,
                      "It starts locked and serves no device, as decisions are missing from this "
                      "state, until somebody says\n       openclaw gateway unlock "
                      "--accept-rollback\n");
    }
}

static enum oc_status prepare(struct restore *restore, struct oc_error *err)
{
    enum oc_status st = state_open_keys(restore->options->state_dir, &restore->state, err);
    (void)snprintf(restore->incoming, sizeof restore->incoming, "%s.incoming",
                   restore->state.database_path);
    (void)snprintf(restore->aside, sizeof restore->aside, "%s.replaced-%" PRId64,
                   restore->state.database_path, restore->options->now_ms);
    return st;
}

static enum restore_end end_of(enum oc_status status)
{
    switch (status) {
    case OC_OK:
        return RESTORE_DONE;
    case OC_NOT_FOUND:
        return RESTORE_NOT_FOUND;
    case OC_PERMISSION_DENIED:
        return RESTORE_FORBIDDEN;
    case OC_ALREADY_EXISTS:
        return RESTORE_IN_USE;
    case OC_UNAVAILABLE:
    case OC_RESOURCE_EXHAUSTED:
        return RESTORE_UNAVAILABLE;
    default:
        return RESTORE_FAILED;
    }
}

static enum restore_end run(struct restore *restore)
{
    struct oc_error err = {.status = OC_OK};
    enum oc_status st = prepare(restore, &err);
    if (!st) {
        st = look_at_both(restore, &err);
    }
    if (!st) {
        st = withdraw_again(restore, &err);
    }
    if (!st) {
        print_report(restore, restore->options->out);
        (void)fflush(restore->options->out);
        if (!is_confirmed(restore->options)) {
            return RESTORE_UNCONFIRMED;
        }
        const bool had_database = is_there(restore->state.database_path, "");
        st = put_in_place(restore, &err);
        if (!st) {
            tell_done(restore, had_database);
        }
    }
    if (st) {
        (void)fprintf(restore->options->err, "openclaw-gateway: %s\n", err.text);
    }
    return end_of(st);
}

enum restore_end restore_run(const struct restore_options *options)
{
    struct restore *restore = calloc(1, sizeof *restore);
    if (!restore) {
        (void)fprintf(options->err, "openclaw-gateway: out of memory\n");
        return RESTORE_FAILED;
    }
    restore->options = options;
    const enum restore_end end = run(restore);
    store_close(restore->backup.store);
    store_close(restore->present.store);
    if (restore->owns_incoming) {
        database_copy_remove(restore->incoming);
    }
    state_close(&restore->state);
    free(restore->lost.text);
    free(restore->withdrawn.text);
    free(restore->administrators.text);
    free(restore);
    return end;
}
