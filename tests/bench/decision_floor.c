/*
 * The floor of decisions: a bare loop of prepared statements that writes what approvals write, into
 * the same tables of a database with the same settings, and how long a sync takes.
 *
 *     decision_floor write DATABASE GROUP COUNT    DATABASE is a copy with pending requests; spoilt
 *     decision_floor sync DIRECTORY COUNT          fdatasync after 4 KiB more
 *
 * No savepoints, no hashes, no checks, ready-made values. Prints one JSON object.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/bench/measure.h"

enum { ID_BYTES = 32, REQUEST_BYTES = 16 };

struct pending {
    sqlite3_int64 device;
    uint8_t id[ID_BYTES];
    char request[REQUEST_BYTES];
};

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "decision_floor: %s: %s\n", what, why);
    exit(1);
}

static void execute(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        die(sql, sqlite3_errmsg(db));
    }
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        die(sql, sqlite3_errmsg(db));
    }
    return statement;
}

static sqlite3 *open_database(const char *path)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        die(path, sqlite3_errmsg(db));
    }
    execute(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                " PRAGMA synchronous = FULL; PRAGMA cache_size = -32768; PRAGMA foreign_keys = ON;"
                " PRAGMA wal_autocheckpoint = 4096");
    return db;
}

static struct pending *read_pending(sqlite3 *db, size_t n)
{
    struct pending *pending = calloc(n, sizeof *pending);
    sqlite3_stmt *statement = prepare(
        db,
        "SELECT d.device, d.id, r.id FROM requests r JOIN devices d USING (device) ORDER BY d.id");
    for (size_t i = 0; i < n; i++) {
        if (!pending || sqlite3_step(statement) != SQLITE_ROW) {
            die("requests", "there are not so many");
        }
        pending[i].device = sqlite3_column_int64(statement, 0);
        memcpy(pending[i].id, sqlite3_column_blob(statement, 1), ID_BYTES);
        (void)snprintf(pending[i].request, REQUEST_BYTES, "%s",
                       (const char *)sqlite3_column_text(statement, 2));
    }
    (void)sqlite3_finalize(statement);
    return pending;
}

/* What one approval writes, in this order. ?1 device, ?2 number, ?3 device id, ?4 request id. */
static const char *const writes[] = {
    "UPDATE devices SET standing = 1, generation = 1, asked = x'056167656e740104636861740a',"
    " granted = x'056167656e740104636861740a', mac = randomblob(32), last_end = 1,"
    " decided_ms = ?2, decided_by = 'uid:1000' WHERE device = ?1",
    "DELETE FROM requests WHERE device = ?1",
    "INSERT INTO change_log VALUES (?2, ?2, 'approve', ?3)",
    "INSERT INTO audit VALUES (?2, ?2, 'uid:1000', 'local', 'approve', 'done', ?3, ?4, 'pending',"
    " 'approved', '', '', 'role=agent scopes=chat', randomblob(32))",
    "INSERT INTO idempotency VALUES ('uid:1000', 103, randomblob(16), randomblob(32), 0, ?3, ?4,"
    " ?2, 0, ?2)",
};
enum { N_WRITES = sizeof writes / sizeof *writes };

static void step(sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE) {
        die("write", sqlite3_errmsg(sqlite3_db_handle(statement)));
    }
    (void)sqlite3_reset(statement);
}

static void write_one(sqlite3_stmt **statements, const struct pending *pending, sqlite3_int64 seq)
{
    for (size_t i = 0; i < N_WRITES; i++) {
        const int n = sqlite3_bind_parameter_count(statements[i]);
        (void)sqlite3_bind_int64(statements[i], 1, pending->device);
        if (n >= 2) {
            (void)sqlite3_bind_int64(statements[i], 2, seq);
        }
        if (n >= 3) {
            (void)sqlite3_bind_blob(statements[i], 3, pending->id, ID_BYTES, SQLITE_STATIC);
        }
        if (n >= 4) {
            (void)sqlite3_bind_text(statements[i], 4, pending->request, -1, SQLITE_STATIC);
        }
        step(statements[i]);
    }
}

static sqlite3_int64 first_seq(sqlite3 *db)
{
    sqlite3_stmt *statement = prepare(db, "SELECT max(seq, audit_seq) + 1 FROM meta");
    if (sqlite3_step(statement) != SQLITE_ROW) {
        die("meta", sqlite3_errmsg(db));
    }
    const sqlite3_int64 seq = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return seq;
}

static int run_write(const char *path, size_t group, size_t n)
{
    sqlite3 *db = open_database(path);
    struct pending *pending = read_pending(db, n);
    const sqlite3_int64 seq = first_seq(db);
    sqlite3_stmt *statements[N_WRITES];
    for (size_t i = 0; i < N_WRITES; i++) {
        statements[i] = prepare(db, writes[i]);
    }
    sqlite3_stmt *meta = prepare(db, "UPDATE meta SET seq = ?1, audit_seq = ?1, clock_ms = ?1");
    const double cpu_s = measure_own_cpu_s();
    const uint64_t start = measure_now_ns();
    for (size_t first = 0; first < n; first += group) {
        execute(db, "BEGIN IMMEDIATE");
        for (size_t i = first; i < first + group && i < n; i++) {
            write_one(statements, &pending[i], seq + (sqlite3_int64)i);
        }
        (void)sqlite3_bind_int64(meta, 1, seq + (sqlite3_int64)(first + group));
        step(meta);
        execute(db, "COMMIT");
    }
    printf("{\"decisions_per_s\": %.1f, \"server_cpu_s_per_100k\": %.3f}\n",
           (double)n / ((double)(measure_now_ns() - start) / 1e9),
           (measure_own_cpu_s() - cpu_s) * 1e5 / (double)n);
    return 0;
}

static int compare_ns(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

static int run_sync(const char *directory, size_t n)
{
    static const uint8_t page[4096];
    char path[4096];
    uint64_t *took_ns = calloc(n, sizeof *took_ns);
    (void)snprintf(path, sizeof path, "%s/sync", directory);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (size_t i = 0; i < n; i++) {
        const uint64_t start = measure_now_ns();
        if (!took_ns || write(fd, page, sizeof page) != sizeof page || fdatasync(fd) != 0) {
            die(path, "cannot be synced");
        }
        took_ns[i] = measure_now_ns() - start;
    }
    qsort(took_ns, n, sizeof *took_ns, compare_ns);
    const size_t middle = n / 2;
    const size_t late = n * 99 / 100;
    printf("{\"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", (double)took_ns[middle] / 1e6,
           (double)took_ns[late] / 1e6);
    (void)close(fd);
    (void)unlink(path);
    free(took_ns);
    return 0;
}

int main(int argc, char **argv)
{
    const size_t a = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    const size_t b = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
    if (argc == 5 && strcmp(argv[1], "write") == 0 && a > 0 && b > 0) {
        return run_write(argv[2], a, b);
    }
    if (argc == 4 && strcmp(argv[1], "sync") == 0 && a > 0) {
        return run_sync(argv[2], a);
    }
    fprintf(stderr, "usage: decision_floor write DATABASE GROUP COUNT | sync DIRECTORY COUNT\n");
    return 2;
}
