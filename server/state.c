/* See state.h. */
#include "server/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/hex.h"
#include "proto/crypto/digest.h"
#include "server/obs/log.h"
#include "server/store/directory.h"
#include "server/store/verify.h"

enum {
    MAX_KEY_FILE_BYTES = 4096,
    MAX_ASIDE_BYTES = STATE_PATH_BYTES + 32,
    NOTE_BYTES = 512,
};

static const char key_file[] = "gateway.key";
static const char secret_file[] = "secret.key";
static const char marker_file[] = "marker";
static const char database_file[] = "gateway.db";
static const char backup_directory[] = "backups";
static const char admin_ca_file[] = "admin-ca.pem";
static const char restored_file[] = "restored";

/* ---- files ----------------------------------------------------------------------------------- */

/* *exists is meaningful with OK only. */
static enum oc_status look_for(struct state_dir *dir, const char *name, bool *exists,
                               struct oc_error *err)
{
    enum oc_status status = state_dir_check_file(dir, name, err);
    *exists = status == OC_OK;
    return status == OC_NOT_FOUND ? OC_OK : status;
}

struct found {
    bool key;
    bool secret;
    bool marker;
    bool database;
};

static enum oc_status look(struct state_dir *dir, struct found *found, struct oc_error *err)
{
    enum oc_status status = look_for(dir, key_file, &found->key, err);
    if (!status) {
        status = look_for(dir, secret_file, &found->secret, err);
    }
    if (!status) {
        status = look_for(dir, marker_file, &found->marker, err);
    }
    if (!status) {
        status = look_for(dir, database_file, &found->database, err);
    }
    return status;
}

/* A key made in the place of a lost one would change what agents have pinned, or make every row
 * look forged, without a word. */
static enum oc_status check_found(const struct state_dir *dir, const struct found *found,
                                  struct oc_error *err)
{
    const bool has_records = found->marker || found->database;
    const char *missing = !found->key ? key_file : secret_file;
    if (has_records && (!found->key || !found->secret)) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "%s: %s is missing although records exist; restore it from a backup, or "
                       "move the directory away to begin anew (every device must pair again)",
                       state_dir_path(dir), missing);
    }
    return OC_OK;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static enum oc_status make_identity(struct state *state, struct oc_error *err)
{
    char pem[MAX_KEY_FILE_BYTES];
    size_t n = 0;
    struct oc_identity *identity = NULL;
    enum oc_status status = oc_identity_generate(OC_IDENTITY_GATEWAY, &identity, err);
    if (!status) {
        status = oc_identity_format(identity, pem, sizeof pem, &n, err);
    }
    if (!status) {
        status = state_dir_write_file(state->dir, key_file, pem, n, err);
    }
    oc_wipe(pem, sizeof pem);
    state->identity = identity;
    return status;
}

static enum oc_status read_identity(struct state *state, struct oc_error *err)
{
    char pem[MAX_KEY_FILE_BYTES];
    size_t n = 0;
    enum oc_status status = state_dir_read_file(state->dir, key_file, pem, sizeof pem, &n, err);
    if (!status) {
        status = oc_identity_parse(OC_IDENTITY_GATEWAY, pem, n, &state->identity, err);
    }
    oc_wipe(pem, sizeof pem);
    return status;
}

static void derive(const struct oc_key *root, const char *label, struct oc_key *out)
{
    const struct oc_bytes piece = {label, strlen(label) + 1};
    struct oc_digest digest = oc_hmac_sha256(root, &piece, 1);
    memcpy(out->bytes, digest.bytes, sizeof out->bytes);
    oc_wipe(&digest, sizeof digest);
}

void state_derive_row_key(const struct oc_key *root, struct oc_key *out)
{
    derive(root, "openclaw trust row key v1", out);
}

static enum oc_status load_secret(struct state *state, bool exists, struct oc_error *err)
{
    struct oc_key root;
    size_t n = sizeof root.bytes;
    enum oc_status status = OC_OK;
    if (exists) {
        status =
            state_dir_read_file(state->dir, secret_file, root.bytes, sizeof root.bytes, &n, err);
    } else {
        random_fill(state->random, root.bytes, sizeof root.bytes);
        status = state_dir_write_file(state->dir, secret_file, root.bytes, sizeof root.bytes, err);
    }
    if (!status && n != sizeof root.bytes) {
        status = oc_fail(err, OC_INVALID_ARGUMENT, "%s/%s: must hold 32 bytes, holds %zu",
                         state_dir_path(state->dir), secret_file, n);
    }
    derive(&root, "openclaw gateway secret v1", &state->secret);
    state_derive_row_key(&root, &state->row_key);
    oc_wipe(&root, sizeof root);
    return status;
}

/* ---- the admin CA ---------------------------------------------------------------------------- */

enum oc_status state_read_admin_ca(struct state *state, struct oc_admin_ca **out,
                                   struct oc_error *err)
{
    char pem[OC_ADMIN_CA_PEM_BYTES];
    size_t n = 0;
    enum oc_status status =
        state_dir_read_file(state->dir, admin_ca_file, pem, sizeof pem, &n, err);
    if (!status) {
        status = oc_admin_ca_parse(pem, n, out, err);
    }
    oc_wipe(pem, sizeof pem);
    return status;
}

enum oc_status state_write_admin_ca(struct state *state, const struct oc_admin_ca *ca,
                                    struct oc_error *err)
{
    char pem[OC_ADMIN_CA_PEM_BYTES];
    size_t n = 0;
    enum oc_status status = oc_admin_ca_format(ca, pem, sizeof pem, &n, err);
    if (!status) {
        status = state_dir_write_file(state->dir, admin_ca_file, pem, n, err);
    }
    oc_wipe(pem, sizeof pem);
    return status;
}

/* Devices are served without it: a CA that cannot be used only keeps the admin door shut. */
static void load_admin_ca(struct state *state)
{
    struct oc_error err;
    const enum oc_status status = state_read_admin_ca(state, &state->admin_ca, &err);
    if (status && status != OC_NOT_FOUND) {
        log_error("admin.ca_unusable", "path=%s/%s reason=%s fix=%s", state_dir_path(state->dir),
                  admin_ca_file, err.text,
                  "put the right file back, then openclaw gateway reload; or openclaw pki init "
                  "--replace");
    }
}

/* ---- marker and database --------------------------------------------------------------------- */

static enum oc_status open_database(const struct state *state, bool may_create,
                                    const uint8_t gateway_id[STORE_ID_BYTES], int64_t now_ms,
                                    struct store **out, struct oc_error *err)
{
    struct store_options options = {
        .path = state->database_path,
        .row_key = &state->row_key,
        .may_create = may_create,
        .now_ms = now_ms,
        .checks_while_loading = !may_create,
    };
    if (may_create) {
        memcpy(options.gateway_id, gateway_id, STORE_ID_BYTES);
        random_fill(state->random, options.database_id, STORE_ID_BYTES);
    }
    return store_open_sqlite(&options, out, err);
}

static enum oc_status make_first(struct state *state, int64_t now_ms, struct oc_error *err)
{
    uint8_t gateway_id[STORE_ID_BYTES];
    random_fill(state->random, gateway_id, sizeof gateway_id);
    enum oc_status status = open_database(state, true, gateway_id, now_ms, &state->store, err);
    if (status) {
        return status;
    }
    const struct store_identity identity = store_identity(state->store);
    return marker_write(state->marker_path, &identity, err);
}

/* The marker, if it is there and whole. One that is damaged is as good as none: the database's
 * history then locks the start. */
static enum oc_status read_marker(const struct state *state, struct store_identity *marker,
                                  bool *has_marker, struct oc_error *err)
{
    enum oc_status status = marker_read(state->marker_path, marker, err);
    *has_marker = status == OC_OK;
    return status == OC_NOT_FOUND || status == OC_DATA_LOSS ? OC_OK : status;
}

static void lock_unreadable(struct state *state, enum store_lock lock, const struct oc_error *why)
{
    log_error("store.unreadable", "path=%s reason=%s", state->database_path, why->text);
    state->lock = lock;
}

/* Opens what is there and compares it with the marker; never makes anything. */
static enum oc_status open_existing(struct state *state, const struct found *found, int64_t now_ms,
                                    struct oc_error *err)
{
    struct store_identity marker;
    bool has_marker = false;
    enum oc_status status = read_marker(state, &marker, &has_marker, err);
    if (status) {
        return status;
    }
    status = open_database(state, false, NULL, now_ms, &state->store, err);
    if (status == OC_NOT_FOUND || status == OC_DATA_LOSS) {
        lock_unreadable(state, found->database ? STORE_LOCK_CORRUPT : STORE_LOCK_MISSING, err);
        return OC_OK;
    }
    if (status) {
        return status;
    }
    const struct store_identity identity = store_identity(state->store);
    state->lock = store_lock_reason(&identity, has_marker ? &marker : NULL);
    if (found->marker && !has_marker && state->lock == STORE_LOCK_NONE) {
        state->lock = STORE_LOCK_NO_MARKER; /* there was one, and it can no longer be read */
    }
    return OC_OK;
}

/* The lock, and what there is. */
static enum oc_status open_directory(const char *path, struct state *state, struct found *found,
                                     struct oc_error *err)
{
    enum oc_status status = state_dir_open(path, &state->dir, err);
    if (status) {
        return status;
    }
    (void)snprintf(state->marker_path, sizeof state->marker_path, "%s/%s", path, marker_file);
    (void)snprintf(state->database_path, sizeof state->database_path, "%s/%s", path, database_file);
    (void)snprintf(state->backup_path, sizeof state->backup_path, "%s/%s", path, backup_directory);
    return look(state->dir, found, err);
}

enum oc_status state_open(const char *path, const struct random_source *random, int64_t now_ms,
                          struct state *state, struct oc_error *err)
{
    struct found found = {.key = false};
    state->random = random;
    enum oc_status status = open_directory(path, state, &found, err);
    if (!status) {
        status = check_found(state->dir, &found, err);
    }
    if (!status) {
        status = found.key ? read_identity(state, err) : make_identity(state, err);
    }
    if (!status) {
        status = load_secret(state, found.secret, err);
    }
    if (status) {
        return status;
    }
    load_admin_ca(state);
    state->is_first_start = !found.marker && !found.database;
    return state->is_first_start ? make_first(state, now_ms, err)
                                 : open_existing(state, &found, now_ms, err);
}

void state_lock_corrupt(struct state *state, const struct oc_error *why)
{
    lock_unreadable(state, STORE_LOCK_CORRUPT, why);
    load_admin_ca(state);
}

/* Whose it is, before anything is opened: root may look into the directory, but what it made there
 * the gateway could not use. */
static enum oc_status check_owner(const char *path, struct oc_error *err)
{
    struct stat facts;
    if (lstat(path, &facts)) {
        return oc_fail(err, errno == ENOENT || errno == ENOTDIR ? OC_NOT_FOUND : OC_UNAVAILABLE,
                       "%s: %s: this is where a gateway would keep its files; name its data "
                       "directory with --data-dir",
                       path, strerror(errno));
    }
    if (facts.st_uid != geteuid()) {
        return oc_fail(err, OC_PERMISSION_DENIED,
                       "%s belongs to uid %u, under which the gateway runs; do this as that user: "
                       "sudo -u '#%u' openclaw gateway ...",
                       path, (unsigned)facts.st_uid, (unsigned)facts.st_uid);
    }
    return OC_OK;
}

enum oc_status state_open_keys(const char *path, struct state *state, struct oc_error *err)
{
    struct found found = {.key = false};
    enum oc_status status = check_owner(path, err);
    if (!status) {
        status = open_directory(path, state, &found, err);
    }
    if (!status && (!found.key || !found.secret)) {
        status = oc_fail(err, OC_FAILED_PRECONDITION,
                         "%s: %s is missing: records are of no use without the keys of the gateway "
                         "that made them; put gateway.key and secret.key there first (mode 0600)",
                         path, found.key ? secret_file : key_file);
    }
    if (!status) {
        status = read_identity(state, err);
    }
    return status ? status : load_secret(state, true, err);
}

/* ---- what a restore put in place ------------------------------------------------------------- */

static void format_identity(const char *what, const struct store_identity *identity,
                            char out[NOTE_BYTES])
{
    char id[2 * STORE_ID_BYTES + 1] = "none";
    const struct store_identity none = {.seq = 0};
    if (identity) {
        oc_hex_format(identity->database_id, STORE_ID_BYTES, id);
    } else {
        identity = &none;
    }
    (void)snprintf(out, NOTE_BYTES, "%s %s epoch %" PRIu64 " seq %" PRIu64, what, id,
                   identity->epoch, identity->seq);
}

static size_t format_note(const struct store *store, const struct store_audit_end *end,
                          const struct store_identity *marker, char out[NOTE_BYTES])
{
    const struct store_identity identity = store_identity(store);
    char database[NOTE_BYTES];
    char beside[NOTE_BYTES];
    char head[2 * OC_DIGEST_BYTES + 1];
    format_identity("database", &identity, database);
    format_identity("marker", marker, beside);
    oc_hex_format(end->hash.bytes, sizeof end->hash.bytes, head);
    const int n = snprintf(out, NOTE_BYTES, "%.120s audit %" PRIu64 " %s\n%.120s\n", database,
                           end->seq, head, beside);
    return n < 0 ? 0 : (size_t)n;
}

enum oc_status state_note_restored(struct state *state, const struct store *store,
                                   const struct store_identity *marker, struct oc_error *err)
{
    char note[NOTE_BYTES];
    const struct store_audit_end end = store_audit_end(store);
    const size_t n = format_note(store, &end, marker, note);
    return state_dir_write_file(state->dir, restored_file, note, n, err);
}

/* The audit row that the note speaks of, as this database has it: refused calls may have come
 * behind it. */
static bool find_noted(struct store *store, const char *note, struct store_audit_end *out)
{
    struct oc_error err;
    const char *at = strstr(note, " audit ");
    return at && sscanf(at, " audit %" SCNu64, &out->seq) == 1 &&
           store_audit_hash(store, out->seq, &out->hash, &err) == OC_OK;
}

bool state_was_restored(struct state *state, struct store *store)
{
    struct store_audit_end end;
    struct store_identity marker;
    bool has_marker = false;
    char wanted[NOTE_BYTES];
    char found[NOTE_BYTES];
    size_t n = 0;
    struct oc_error err;
    if (read_marker(state, &marker, &has_marker, &err) ||
        state_dir_read_file(state->dir, restored_file, found, sizeof found - 1, &n, &err)) {
        return false;
    }
    found[n] = '\0';
    if (!find_noted(store, found, &end)) {
        return false;
    }
    const size_t n_wanted = format_note(store, &end, has_marker ? &marker : NULL, wanted);
    return n == n_wanted && memcmp(found, wanted, n) == 0;
}

/* ---- unlock --init --------------------------------------------------------------------------- */

/* Nothing is deleted: what could not be read may still be worth a look. */
static enum oc_status move_aside(const struct state *state, const char *suffix, int64_t now_ms,
                                 struct oc_error *err)
{
    char from[MAX_ASIDE_BYTES];
    char to[MAX_ASIDE_BYTES + 32];
    (void)snprintf(from, sizeof from, "%s%s", state->database_path, suffix);
    (void)snprintf(to, sizeof to, "%s.replaced-%" PRId64 "%s", state->database_path, now_ms,
                   suffix);
    if (rename(from, to) != 0 && errno != ENOENT) {
        return oc_fail(err, OC_UNAVAILABLE, "%s: cannot be moved to %s: %s", from, to,
                       strerror(errno));
    }
    return OC_OK;
}

enum oc_status state_make_store(struct state *state, int64_t now_ms, struct store **out,
                                struct oc_error *err)
{
    struct store_identity marker;
    uint8_t gateway_id[STORE_ID_BYTES];
    bool has_marker = false;
    enum oc_status status = read_marker(state, &marker, &has_marker, err);
    if (!status) {
        status = move_aside(state, "", now_ms, err);
    }
    if (!status) {
        status = move_aside(state, "-wal", now_ms, err);
    }
    if (!status) {
        status = directory_sync_of(state->database_path, err);
    }
    if (status) {
        return status;
    }
    random_fill(state->random, gateway_id, sizeof gateway_id);
    return open_database(state, true, has_marker ? marker.gateway_id : gateway_id, now_ms, out,
                         err);
}

void state_close(struct state *state)
{
    store_close(state->store);
    oc_identity_free(state->identity);
    oc_admin_ca_free(state->admin_ca);
    oc_wipe(&state->secret, sizeof state->secret);
    oc_wipe(&state->row_key, sizeof state->row_key);
    state_dir_close(state->dir);
    *state = (struct state){.dir = NULL};
}
