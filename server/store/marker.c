/*
 * The marker file: two slots that are written in turn, 4,096 bytes apart, so that a write that is
 * cut short spoils one and leaves the other. A slot is text, filled up with newlines:
 *
 *     openclaw gateway marker 2
 *     gateway 32 hex digits
 *     database 32 hex digits
 *     epoch decimal
 *     seq decimal
 *     count decimal            of the write; the higher of two counts
 *     sha256 64 hex digits     over the bytes before it
 *
 * A file of the first version is one text without a count, and is still read.
 *
 * Invariant: a slot that reads well is, byte for byte, what format() makes of its values.
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
    SLOTS = 2,
    SLOT_BYTES = 512,
    SLOT_EVERY_BYTES = 4096, /* what a disk may write at once holds one slot */
    MARKER_BYTES = SLOT_EVERY_BYTES + SLOT_BYTES,
    GOES_BACK = -1, /* beside the errnos */
};

struct slot {
    struct store_identity identity;
    unsigned version;
    uint64_t count; /* 0: nothing is there */
};

/* The text alone; returns its length. */
static size_t format(const struct slot *slot, char out[SLOT_BYTES])
{
    const struct store_identity *identity = &slot->identity;
    char gateway[2 * STORE_ID_BYTES + 1];
    char database[2 * STORE_ID_BYTES + 1];
    oc_hex_format(identity->gateway_id, STORE_ID_BYTES, gateway);
    oc_hex_format(identity->database_id, STORE_ID_BYTES, database);
    int n = snprintf(out, SLOT_BYTES,
                     "openclaw gateway marker %u\n"
                     "gateway %s\ndatabase %s\nepoch %" PRIu64 "\nseq %" PRIu64 "\n",
                     slot->version, gateway, database, identity->epoch, identity->seq);
    if (slot->version > 1) {
        n += snprintf(out + n, SLOT_BYTES - (size_t)n, "count %" PRIu64 "\n", slot->count);
    }
    const struct oc_bytes body = {out, (size_t)n};
    const struct oc_digest sum = oc_sha256(&body, 1);
    char digits[2 * OC_DIGEST_BYTES + 1];
    oc_hex_format(sum.bytes, OC_DIGEST_BYTES, digits);
    n += snprintf(out + n, SLOT_BYTES - (size_t)n, "sha256 %s\n", digits);
    return (size_t)n;
}

/* The slot as it lies in the file. */
static void fill_slot(const struct slot *slot, char out[SLOT_BYTES])
{
    const size_t n = format(slot, out);
    memset(out + n, '\n', SLOT_BYTES - n);
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
static bool parse(const char *text, unsigned version, struct slot *out)
{
    char head[32];
    char gateway[2 * STORE_ID_BYTES + 1];
    char database[2 * STORE_ID_BYTES + 1];
    char epoch[24];
    char seq[24];
    char count[24] = "1";
    const char *at = text;
    struct slot found = {.version = version};
    if (!take_line(&at, "openclaw", head, sizeof head) ||
        !take_line(&at, "gateway", gateway, sizeof gateway) ||
        !take_line(&at, "database", database, sizeof database) ||
        !take_line(&at, "epoch", epoch, sizeof epoch) || !take_line(&at, "seq", seq, sizeof seq) ||
        (version > 1 && !take_line(&at, "count", count, sizeof count)) ||
        !oc_hex_parse(gateway, STORE_ID_BYTES, found.identity.gateway_id) ||
        !oc_hex_parse(database, STORE_ID_BYTES, found.identity.database_id)) {
        return false;
    }
    found.identity.epoch = strtoull(epoch, NULL, 10);
    found.identity.seq = strtoull(seq, NULL, 10);
    found.count = strtoull(count, NULL, 10);
    *out = found;
    return true;
}

static bool parse_slot(const char bytes[SLOT_BYTES], struct slot *out)
{
    char text[SLOT_BYTES + 1];
    char again[SLOT_BYTES];
    struct slot found;
    memcpy(text, bytes, SLOT_BYTES);
    text[SLOT_BYTES] = '\0';
    if (!parse(text, 2, &found) || found.count == 0) {
        return false;
    }
    fill_slot(&found, again);
    if (memcmp(again, bytes, SLOT_BYTES) != 0) {
        return false;
    }
    *out = found;
    return true;
}

static bool parse_first_version(const char *text, size_t n, struct slot *out)
{
    char again[SLOT_BYTES];
    struct slot found;
    if (n >= SLOT_BYTES || !parse(text, 1, &found) || format(&found, again) != n ||
        memcmp(again, text, n) != 0) {
        return false;
    }
    *out = found;
    return true;
}

/* What a file holds: the slot that was written last, and where. */
struct found {
    struct slot newest;
    bool is_any;
    bool has_slots; /* and may be written in place */
    unsigned at;    /* of the newest */
};

static void find_newest(const char bytes[MARKER_BYTES + 1], size_t n, struct found *out)
{
    *out = (struct found){.has_slots = n == MARKER_BYTES};
    if (!out->has_slots) {
        out->is_any = parse_first_version(bytes, n, &out->newest);
        return;
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot slot;
        if (parse_slot(bytes + i * SLOT_EVERY_BYTES, &slot) &&
            (!out->is_any || slot.count > out->newest.count)) {
            out->newest = slot;
            out->is_any = true;
            out->at = i;
        }
    }
}

/* Returns 0 or an errno. */
static int read_found(int fd, struct found *out)
{
    char bytes[MARKER_BYTES + 1] = {0};
    ssize_t n = pread(fd, bytes, sizeof bytes, 0);
    if (n < 0) {
        return errno;
    }
    if (n == (ssize_t)sizeof bytes) {
        n = 0; /* longer than any marker */
    }
    bytes[n] = '\0';
    find_newest(bytes, (size_t)n, out);
    return 0;
}

enum oc_status marker_read(const char *path, struct store_identity *out, struct oc_error *err)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return oc_fail(err, errno == ENOENT ? OC_NOT_FOUND : OC_UNAVAILABLE, "%s: cannot open: %s",
                       path, strerror(errno));
    }
    struct found found = {.is_any = false};
    int failed = read_found(fd, &found);
    (void)close(fd);
    if (failed) {
        return oc_fail(err, OC_UNAVAILABLE, "%s: cannot read: %s", path, strerror(failed));
    }
    if (!found.is_any) {
        return oc_fail(err, OC_DATA_LOSS, "%s: not a marker, or damaged", path);
    }
    *out = found.newest.identity;
    return OC_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Returns 0 or an errno. */
static int write_at(int fd, const char *bytes, size_t n, off_t at)
{
    for (size_t done = 0; done < n;) {
        ssize_t written = pwrite(fd, bytes + done, n - done, at + (off_t)done);
        if (written < 0 && errno != EINTR) {
            return errno;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return 0;
}

static bool goes_back(const struct store_identity *from, const struct store_identity *to)
{
    if (memcmp(from->gateway_id, to->gateway_id, STORE_ID_BYTES) != 0 ||
        memcmp(from->database_id, to->database_id, STORE_ID_BYTES) != 0) {
        return false;
    }
    return to->epoch < from->epoch || (to->epoch == from->epoch && to->seq < from->seq);
}

/* Over the older slot of a file that has both: its size and its blocks stay what they are, so that
 * this costs one sync and no room. 0, or an errno, or GOES_BACK; ENOENT: there is no such file. */
static int write_in_place(const char *path, const struct store_identity *identity)
{
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return errno;
    }
    struct found found = {.is_any = false};
    int failed = read_found(fd, &found);
    if (!failed && found.is_any && goes_back(&found.newest.identity, identity)) {
        failed = GOES_BACK;
    }
    if (!failed && (!found.has_slots || !found.is_any)) {
        failed = ENOENT;
    }
    if (!failed) {
        char bytes[SLOT_BYTES];
        const struct slot slot = {*identity, 2, found.newest.count + 1};
        const unsigned at = (found.at + 1) % SLOTS;
        fill_slot(&slot, bytes);
        failed = write_at(fd, bytes, sizeof bytes, (off_t)at * SLOT_EVERY_BYTES);
    }
    if (!failed && fdatasync(fd)) {
        failed = errno;
    }
    (void)close(fd);
    return failed;
}

/* Returns 0 or an errno. */
static int write_whole(const char *path, const struct store_identity *identity)
{
    char bytes[MARKER_BYTES];
    const struct slot slot = {*identity, 2, 1};
    memset(bytes, '\n', sizeof bytes);
    fill_slot(&slot, bytes);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    int failed = write_at(fd, bytes, sizeof bytes, 0);
    if (!failed && fsync(fd)) {
        failed = errno;
    }
    if (close(fd) && !failed) {
        failed = errno;
    }
    return failed;
}

/* The first time, and in the place of an older version or of one that is damaged. */
static enum oc_status replace(const char *path, const struct store_identity *identity,
                              struct oc_error *err)
{
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.new", path);
    if (length < 0 || (size_t)length >= sizeof temporary) {
        return oc_fail(err, OC_UNAVAILABLE, "%.100s...: the path is too long", path);
    }
    int failed = write_whole(temporary, identity);
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

enum oc_status marker_write(const char *path, const struct store_identity *identity,
                            struct oc_error *err)
{
    int failed = write_in_place(path, identity);
    if (failed == ENOENT || failed == ELOOP) {
        return replace(path, identity, err);
    }
    if (failed == GOES_BACK) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "%s: it knows of more than epoch %" PRIu64 ", seq %" PRIu64
                       " and is not taken back",
                       path, identity->epoch, identity->seq);
    }
    if (failed) {
        return oc_fail(err, failed == ENOSPC ? OC_RESOURCE_EXHAUSTED : OC_UNAVAILABLE,
                       "%s: cannot write: %s", path, strerror(failed));
    }
    return OC_OK;
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
