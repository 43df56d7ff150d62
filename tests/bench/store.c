/*
 * bench_store: how fast the store writes and loads, beside a bare loop of inserts.
 *
 *   bench_store DIRECTORY [DEVICES [GROUP]]
 *
 * The floor writes the same rows (device, change log, audit) into the same tables of a database of
 * the same settings, with prepared statements and ready-made values: no savepoints, no hashes, no
 * checks. Prints rows a second of both, their ratio, and the time of a load.
 */
#include "server/store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "tests/bench/measure.h"

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_store: %s: %s\n", what, why);
    exit(1);
}

/* Ids without order, as hashes of keys have none. */
static struct oc_device_id device_id(uint64_t n)
{
    struct oc_device_id id;
    uint64_t state = n + 1;
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        id.bytes[i] = (uint8_t)(state >> 56);
    }
    memcpy(id.bytes + 24, &n, sizeof n);
    return id;
}

static struct pairing approved(uint64_t n)
{
    struct pairing record = {
        .id = device_id(n),
        .standing = OC_STANDING_APPROVED,
        .generation = 1,
        .asked = {.role = "agent", .n_scopes = 2, .scopes = {"chat", "tools"}},
        .labels = {.n = 1, .items = {{"site", "berlin"}}},
        .last_end = REQUEST_END_APPROVED,
        .first_seen_ms = 1700000000000,
        .requested_ms = 1700000000000,
        .decided_ms = 1700000060000,
        .decided_by = "uid:1000",
    };
    record.granted = record.asked;
    (void)snprintf(record.claimed_name, sizeof record.claimed_name, "web-%" PRIu64, n);
    return record;
}

static struct audit_event approval(uint64_t n)
{
    return (struct audit_event){
        .at_ms = 1700000060000,
        .actor = {.name = "uid:1000", .source = "local"},
        .action = "approve",
        .outcome = "done",
        .device_id = device_id(n),
        .request_id = {"7QK4M2T9XA"},
        .before = "pending",
        .after = "approved",
        .detail = "role=agent scopes=chat,tools",
    };
}

static struct store *open_store(const char *path)
{
    static const struct oc_key key = {.bytes = {1}};
    const struct store_options options = {
        .path = path, .row_key = &key, .may_create = true, .gateway_id = {1}, .database_id = {2}};
    struct store *store = NULL;
    struct oc_error err;
    if (store_open_sqlite(&options, &store, &err)) {
        die("open", err.text);
    }
    return store;
}

/* Wall and processor seconds of a run. */
struct cost {
    double wall_s;
    double cpu_s;
};

static struct cost cost_since(uint64_t start_ns, double start_cpu_s)
{
    return (struct cost){(double)(measure_now_ns() - start_ns) / 1e9,
                         measure_own_cpu_s() - start_cpu_s};
}

static struct cost write_store(const char *path, uint64_t n_devices, uint64_t group)
{
    struct store *store = open_store(path);
    struct oc_error err = {0};
    const uint64_t start = measure_now_ns();
    const double start_cpu_s = measure_own_cpu_s();
    for (uint64_t n = 0; n < n_devices; n += group) {
        enum oc_status st = store_begin(store, &err);
        for (uint64_t i = n; i < n + group && !st; i++) {
            const struct pairing record = approved(i);
            const struct audit_event event = approval(i);
            const struct store_change change = {
                .after = &record, .audit = &event, .action = "approve", .now_ms = (int64_t)i};
            uint64_t seq = 0;
            st = store_apply(store, &change, &seq, &err);
        }
        if (st || store_commit(store, &err)) {
            die("write", err.text);
        }
    }
    const struct cost cost = cost_since(start, start_cpu_s);
    store_close(store);
    return cost;
}

/* ---- the floor ----------------------------------------------------------------------------- */

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

static void step(sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE) {
        die("floor", sqlite3_errmsg(sqlite3_db_handle(statement)));
    }
    (void)sqlite3_reset(statement);
}

static struct cost write_floor(const char *path, uint64_t n_devices, uint64_t group)
{
    store_close(open_store(path));
    sqlite3 *db = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        die(path, sqlite3_errmsg(db));
    }
    execute(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                " PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;"
                " PRAGMA wal_autocheckpoint = 4096; PRAGMA ignore_check_constraints = ON");
    sqlite3_stmt *device =
        prepare(db, "INSERT INTO devices VALUES (?1, ?2, 1, 1, 0,"
                    " x'056167656e740204636861740574006f6f6c73',"
                    " x'056167656e740204636861740574006f6f6c73', 0, '',"
                    " x'010473697465066265726c696e', zeroblob(32), ?3, 1, '', 0, 0, 0, NULL, 0,"
                    " 1700000000000, 1700000000000, 1700000060000, 'uid:1000')");
    sqlite3_stmt *change = prepare(db, "INSERT INTO change_log VALUES (?1, ?1, 'approve', ?2)");
    sqlite3_stmt *audit = prepare(
        db, "INSERT INTO audit VALUES (?1, 1700000060000, 'uid:1000', 'local', 'approve', 'done',"
            " ?2, '7QK4M2T9XA', 'pending', 'approved', '', '',"
            " 'role=agent scopes=chat,tools', zeroblob(32))");
    const uint64_t start = measure_now_ns();
    const double start_cpu_s = measure_own_cpu_s();
    for (uint64_t n = 0; n < n_devices; n += group) {
        execute(db, "BEGIN IMMEDIATE");
        for (uint64_t i = n; i < n + group; i++) {
            const struct oc_device_id id = device_id(i);
            char name[32];
            (void)snprintf(name, sizeof name, "web-%" PRIu64, i);
            (void)sqlite3_bind_int64(device, 1, (sqlite3_int64)i + 1);
            (void)sqlite3_bind_blob(device, 2, id.bytes, sizeof id.bytes, SQLITE_STATIC);
            (void)sqlite3_bind_text(device, 3, name, -1, SQLITE_STATIC);
            step(device);
            (void)sqlite3_bind_int64(change, 1, (sqlite3_int64)i + 1);
            step(change);
            (void)sqlite3_bind_int64(audit, 1, (sqlite3_int64)i + 1);
            (void)sqlite3_bind_blob(audit, 2, id.bytes, sizeof id.bytes, SQLITE_STATIC);
            step(audit);
        }
        execute(db, "COMMIT");
    }
    const struct cost cost = cost_since(start, start_cpu_s);
    (void)sqlite3_finalize(device);
    (void)sqlite3_finalize(change);
    (void)sqlite3_finalize(audit);
    (void)sqlite3_close(db);
    return cost;
}

static enum oc_status count(void *user, const struct pairing *pairing,
                            const struct sighting *sighting)
{
    (void)sighting;
    *(uint64_t *)user += pairing->is_quarantined ? 0 : 1;
    return OC_OK;
}

static void load(const char *path, uint64_t n_devices)
{
    const uint64_t start = measure_now_ns();
    struct store *store = open_store(path);
    const uint64_t opened = measure_now_ns();
    uint64_t n = 0;
    struct oc_error err = {0};
    if (store_load_all(store, count, &n, &err) || n != n_devices) {
        die("load", err.text);
    }
    const uint64_t loaded = measure_now_ns();
    printf("open (with quick_check)   %8.2f s\n", (double)(opened - start) / 1e9);
    printf("load of %-9" PRIu64 "         %8.2f s\n", n, (double)(loaded - opened) / 1e9);
    store_close(store);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench_store DIRECTORY [DEVICES [GROUP]]\n");
        return 2;
    }
    const uint64_t group = argc > 3 ? strtoull(argv[3], NULL, 10) : 256;
    uint64_t n_devices = argc > 2 ? strtoull(argv[2], NULL, 10) : 100000;
    if (group == 0 || n_devices == 0) {
        die("arguments", "numbers from 1");
    }
    n_devices = (n_devices + group - 1) / group * group;
    char floor_path[512];
    char store_path[512];
    (void)snprintf(floor_path, sizeof floor_path, "%s/floor.db", argv[1]);
    (void)snprintf(store_path, sizeof store_path, "%s/store.db", argv[1]);
    const struct cost floor_cost = write_floor(floor_path, n_devices, group);
    const struct cost store_cost = write_store(store_path, n_devices, group);
    const double n = (double)n_devices;
    printf("%" PRIu64 " changes, %" PRIu64 " a commit\n", n_devices, group);
    printf("bare inserts   %8.0f changes/s  %5.1f us of processor each\n", n / floor_cost.wall_s,
           floor_cost.cpu_s / n * 1e6);
    printf("store          %8.0f changes/s  %5.1f us of processor each\n", n / store_cost.wall_s,
           store_cost.cpu_s / n * 1e6);
    printf("store / floor  %7.0f%%            %5.0f%%\n",
           100 * floor_cost.wall_s / store_cost.wall_s, 100 * floor_cost.cpu_s / store_cost.cpu_s);
    load(store_path, n_devices);
    return 0;
}
