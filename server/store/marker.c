/*
 * The marker file: six lines of text, the last a SHA-256 over the bytes before it.
 *
 *     openclaw gateway marker 1
 *     gateway 32 hex digits
 *     database 32 hex digits
 *     epoch decimal
 *     seq decimal
 *     sha256 64 hex digits
 *
 * Invariant: a marker that reads well is, byte for byte, what format() makes of its values.
 */
#include "server/store/marker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/hex.h"
#include "proto/crypto/digest.h"
#include "server/store/directory.h"

enum {
    MARKER_BYTES = 512,
};

static size_t format(const struct store_identity *identity, char out[MARKER_BYTES])
{
    char gateway[2 * STORE_ID_BYTES + 1];
    char database[2 * STORE_ID_BYTES + 1];
    oc_hex_format(identity->gateway_id, STORE_ID_BYTES, gateway);
    oc_hex_format(identity->database_id, STORE_ID_BYTES, database);
    int n = snprintf(out, MARKER_BYTES,
                     "openclaw gateway marker 1\n"
                     "gateway %s\ndatabase %s\nepoch %" PRIu64 "\nseq %" PRIu64 "\n",
                     gateway, database, identity->epoch, identity->seq);
    const struct oc_bytes body = {out, (size_t)n};
    const struct oc_digest sum = oc_sha256(&body, 1);
    char digits[2 * OC_DIGEST_BYTES + 1];
    oc_hex_format(sum.bytes, OC_DIGEST_BYTES, digits);
    n += snprintf(out + n, MARKER_BYTES - (size_t)n, "sha256 %s\n", digits);
    return (size_t)n;
}

/* Takes the line "WORD VALUE" off the front of *at; false if another stands there. */
static bool take_line(const char **at, const char *word, char *value, size_t room)
{
    const size_t n_word = strlen(word);
    const char *end = strchr(*at, '\n');
    if (!end || strncmp(*at, word, n_word) != 0 || (*at)[n_word] != ' ') {
        return false;
    }
    const char *start = *at + n_word + 1;
    if (end < start || (size_t)(end - start) >= room) {
        return false;
    }
    memcpy(value, start, (size_t)(end - start));
    value[end - start] = '\0';
    *at = end + 1;
    return true;
}

/* Takes what it can; that it was all in order is shown by formatting it again. */
static bool parse(const char *text, size_t n, struct store_identity *out)
{
    char version[32];
    char gateway[2 * STORE_ID_BYTES + 1];
    char database[2 * STORE_ID_BYTES + 1];
    char epoch[24];
    char seq[24];
    const char *at = text;
    struct store_identity found = {0};
    if (!take_line(&at, "openclaw", version, sizeof version) ||
        !take_line(&at, "gateway", gateway, sizeof gateway) ||
        !take_line(&at, "database", database, sizeof database) ||
        !take_line(&at, "epoch", epoch, sizeof epoch) || !take_line(&at, "seq", seq, sizeof seq) ||
        !oc_hex_parse(gateway, STORE_ID_BYTES, found.gateway_id) ||
        !oc_hex_parse(database, STORE_ID_BYTES, found.database_id)) {
        return false;
    }
    found.epoch = strtoull(epoch, NULL, 10);
    found.seq = strtoull(seq, NULL, 10);
    char again[MARKER_BYTES];
    if (format(&found, again) != n || memcmp(again, text, n) != 0) {
        return false;
    }
    *out = found;
    return true;
}

enum oc_status marker_read(const char *path, struct store_identity *out, struct oc_error *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return oc_fail(err, errno == ENOENT ? OC_NOT_FOUND : OC_UNAVAILABLE, "%s: cannot open: %s",
                       path, strerror(errno));
    }
    char text[MARKER_BYTES + 1];
    ssize_t n = read(fd, text, MARKER_BYTES);
    int failed = n < 0 ? errno : 0;
    (void)close(fd);
    if (failed) {
        return oc_fail(err, OC_UNAVAILABLE, "%s: cannot read: %s", path, strerror(failed));
    }
    text[n] = '\0';
    if (!parse(text, (size_t)n, out)) {
        return oc_fail(err, OC_DATA_LOSS, "%s: not a marker, or damaged", path);
    }
    return OC_OK;
}

/* Returns 0 or an errno. */
static int write_file(const char *path, const char *text, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    int failed = 0;
    for (size_t done = 0; done < n && !failed;) {
        ssize_t written = write(fd, text + done, n - done);
        if (written >= 0) {
            done += (size_t)written;
        } else if (errno != EINTR) {
            failed = errno;
        }
    }
    if (!failed && fsync(fd)) {
        failed = errno;
    }
    if (close(fd) && !failed) {
        failed = errno;
    }
    return failed;
}

enum oc_status marker_write(const char *path, const struct store_identity *identity,
                            struct oc_error *err)
{
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.new", path);
    if (length < 0 || (size_t)length >= sizeof temporary) {
        return oc_fail(err, OC_UNAVAILABLE, "%.100s...: the path is too long", path);
    }
    char text[MARKER_BYTES];
    size_t n = format(identity, text);
    int failed = write_file(temporary, text, n);
    if (!failed && rename(temporary, path)) {
        failed = errno;
    }
    if (failed) {
        (void)unlink(temporary);
        return oc_fail(err, failed == ENOSPC ? OC_RESOURCE_EXHAUSTED : OC_UNAVAILABLE,
                       "%s: cannot write: %s", path, strerror(failed));
    }
    return directory_sync_of(path, err);
}

enum store_lock store_lock_reason(const struct store_identity *database,
                                  const struct store_identity *marker)
{
    if (!database) {
        return marker ? STORE_LOCK_MISSING : STORE_LOCK_NONE;
    }
    if (!marker) {
        const bool has_history = database->seq > 0 || database->epoch > 1;
        return has_history ? STORE_LOCK_NO_MARKER : STORE_LOCK_NONE;
    }
    if (memcmp(database->gateway_id, marker->gateway_id, STORE_ID_BYTES) != 0 ||
        memcmp(database->database_id, marker->database_id, STORE_ID_BYTES) != 0) {
        return STORE_LOCK_FOREIGN;
    }
    /* A higher epoch than the marker's is a rollback that was accepted just before a crash. */
    if (database->epoch != marker->epoch) {
        return database->epoch < marker->epoch ? STORE_LOCK_BEHIND : STORE_LOCK_NONE;
    }
    return database->seq < marker->seq ? STORE_LOCK_BEHIND : STORE_LOCK_NONE;
}

const char *store_lock_text(enum store_lock lock)
{
    switch (lock) {
    case STORE_LOCK_NONE:
        return "not locked";
    case STORE_LOCK_MISSING:
        return "the database is missing: restore it from a backup, or start anew with "
               "`openclaw gateway unlock --init` (every device must pair again)";
    case STORE_LOCK_CORRUPT:
        return "the database cannot be read: restore it from a backup, or start anew with "
               "`openclaw gateway unlock --init` (every device must pair again)";
    case STORE_LOCK_FOREIGN:
        return "the database belongs to another gateway or another installation: put the right "
               "one back, or take this one with `openclaw gateway unlock --accept-rollback`";
    case STORE_LOCK_BEHIND:
        return "the database is older than what this gateway last wrote, so decisions are "
               "missing: put the newer one back, or go on from this one with "
               "`openclaw gateway unlock --accept-rollback`";
    case STORE_LOCK_NO_MARKER:
        return "the database has a history, but the marker beside it is gone or damaged: if it "
               "is the right and newest one, `openclaw gateway unlock --accept-rollback`";
    case STORE_LOCK_RECEIPT:
        return "a device holds a receipt for a decision that this database does not have: put "
               "the newer database back, or go on from this one with "
               "`openclaw gateway unlock --accept-rollback`";
    case STORE_LOCK_COUNT:
        break;
    }
    return "locked for an unknown reason";
}

const char *store_lock_fix(enum store_lock lock)
{
    switch (lock) {
    case STORE_LOCK_MISSING:
    case STORE_LOCK_CORRUPT:
        return "openclaw gateway unlock --init";
    case STORE_LOCK_FOREIGN:
    case STORE_LOCK_BEHIND:
    case STORE_LOCK_NO_MARKER:
    case STORE_LOCK_RECEIPT:
        return "openclaw gateway unlock --accept-rollback";
    case STORE_LOCK_NONE:
    case STORE_LOCK_COUNT:
        break;
    }
    return "none";
}
