/*
 * Records and their rows; see record_rows.h.
 *
 * Invariant: a record that is quarantined is written with an authentication code of zeros, which
 * no key gives, so that writing it again never makes its row trusted.
 */
#include "server/store/record_rows.h"

#include <stdio.h>
#include <string.h>

#include "server/domain/pairing.h"
#include "server/store/read_ahead.h"
#include "server/store/row_form.h"
#include "server/store/statement.h"
#include "server/store/vote_form.h"

/* ---- writing ------------------------------------------------------------------------------- */

static const char *const sources[RECORD_STATEMENT_COUNT] = {
    [RECORD_FIND_DEVICE] = "SELECT device FROM devices WHERE id = ?1",
    [RECORD_INSERT_DEVICE] =
        "INSERT INTO devices (id, standing, generation, is_removed, asked, granted, term_ends_ms,"
        " alias, labels, mac, claimed_name, last_end, replaced, replaced_ms, cool_down_until_ms,"
        " cool_down_step, refused_upgrade, refused_upgrade_until_ms, first_seen_ms, requested_ms,"
        " decided_ms, decided_by, approval_seq, closed, closed_end)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
        " ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)",
    [RECORD_UPDATE_DEVICE] =
        "UPDATE devices SET standing = ?2, generation = ?3, is_removed = ?4,"
        " asked = ?5, granted = ?6, term_ends_ms = ?7, alias = ?8, labels = ?9, mac = ?10,"
        " claimed_name = ?11, last_end = ?12, replaced = ?13, replaced_ms = ?14,"
        " cool_down_until_ms = ?15, cool_down_step = ?16, refused_upgrade = ?17,"
        " refused_upgrade_until_ms = ?18, first_seen_ms = ?19, requested_ms = ?20,"
        " decided_ms = ?21, decided_by = ?22, approval_seq = ?23, closed = ?24,"
        " closed_end = ?25 WHERE device = ?26",
    [RECORD_PUT_REQUEST] =
        "INSERT INTO requests (device, id, digest, ask, name, labels, purpose, why, opened_ms,"
        " attempted_ms, code_failures, votes)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
        " ON CONFLICT (device) DO UPDATE SET id = ?2, digest = ?3, ask = ?4, name = ?5,"
        " labels = ?6, purpose = ?7, why = ?8, opened_ms = ?9, attempted_ms = ?10,"
        " code_failures = ?11, votes = ?12",
    [RECORD_DROP_REQUEST] = "DELETE FROM requests WHERE device = ?1",
    [RECORD_PUT_EXPECTATION] =
        "INSERT INTO expectations (device, approves, until_ms, granted, labels, term_ms, mac)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
        " ON CONFLICT (device) DO UPDATE SET approves = ?2, until_ms = ?3, granted = ?4,"
        " labels = ?5, term_ms = ?6, mac = ?7",
    [RECORD_DROP_EXPECTATION] = "DELETE FROM expectations WHERE device = ?1",
    [RECORD_PUT_SIGHTING] =
        "INSERT INTO sightings (device, seen_ms, source, platform, version, instance_id, boot_id,"
        " host_hint, session_counter)"
        " SELECT device, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM devices WHERE id = ?1"
        " ON CONFLICT (device) DO UPDATE SET seen_ms = ?2, source = ?3, platform = ?4,"
        " version = ?5, instance_id = ?6, boot_id = ?7, host_hint = ?8, session_counter = ?9",
    [RECORD_DROP_SIGHTING] = "DELETE FROM sightings WHERE device = ?1",
    [RECORD_DROP_DEVICE] = "DELETE FROM devices WHERE device = ?1",
};

enum oc_status record_rows_init(struct record_rows *rows, sqlite3 *db, struct oc_error *err)
{
    rows->db = db;
    for (size_t i = 0; i < RECORD_STATEMENT_COUNT; i++) {
        enum oc_status st = statement_prepare(db, sources[i], &rows->statements[i], err);
        if (st) {
            return st;
        }
    }
    return OC_OK;
}

void record_rows_deinit(struct record_rows *rows)
{
    for (size_t i = 0; i < RECORD_STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(rows->statements[i]);
        rows->statements[i] = NULL;
    }
    rows->db = NULL;
}

static enum oc_status finish(struct record_rows *rows, int result, const char *what,
                             struct oc_error *err)
{
    return result == SQLITE_DONE ? OC_OK : statement_fail(rows->db, result, what, err);
}

/* Four ids of ten characters at most, one after the other. */
static void bind_replaced(struct binder *binder, const struct pairing *pairing,
                          char text[PAIRING_REPLACED_KEPT * OC_REQUEST_ID_CHARS + 1])
{
    size_t n = 0;
    for (size_t i = 0; i < PAIRING_REPLACED_KEPT; i++) {
        const char *id = pairing->replaced[i].text;
        size_t length = strnlen(id, OC_REQUEST_ID_CHARS);
        memcpy(text + n, id, length);
        n += length;
    }
    bind_text(binder, text, n);
}

/* The number of the device's row; 0 if there is none. */
static enum oc_status find_device(struct record_rows *rows, const struct oc_device_id *id,
                                  int64_t *device, struct oc_error *err)
{
    struct binder binder = {.statement = rows->statements[RECORD_FIND_DEVICE]};
    bind_blob(&binder, id->bytes, OC_DEVICE_ID_BYTES);
    int result = bind_step(&binder);
    *device = result == SQLITE_ROW ? sqlite3_column_int64(binder.statement, 0) : 0;
    enum oc_status st = result == SQLITE_ROW ? OC_OK : finish(rows, result, "find a device", err);
    (void)sqlite3_reset(binder.statement);
    return st;
}

/* What is bound for a device's row and is no part of its record. */
struct device_scratch {
    struct oc_digest mac;
    char replaced[PAIRING_REPLACED_KEPT * OC_REQUEST_ID_CHARS + 1];
};

static void bind_device(struct binder *binder, const struct pairing *pairing,
                        struct device_scratch *scratch)
{
    bind_blob(binder, pairing->id.bytes, OC_DEVICE_ID_BYTES);
    bind_number(binder, pairing->standing);
    bind_number(binder, (int64_t)pairing->generation);
    bind_number(binder, pairing->is_removed);
    bind_grant(binder, &pairing->asked);
    bind_grant(binder, &pairing->granted);
    bind_number(binder, pairing->term_ends_ms);
    bind_text(binder, pairing->alias, OC_MAX_NAME_BYTES);
    bind_labels(binder, &pairing->labels);
    bind_blob(binder, scratch->mac.bytes, OC_DIGEST_BYTES);
    bind_text(binder, pairing->claimed_name, OC_MAX_NAME_BYTES);
    bind_number(binder, pairing->last_end);
    bind_replaced(binder, pairing, scratch->replaced);
    bind_number(binder, pairing->replaced_ms);
    bind_number(binder, pairing->cool_down_until_ms);
    bind_number(binder, pairing->cool_down_step);
    bind_digest(binder, &pairing->refused_upgrade);
    bind_number(binder, pairing->refused_upgrade_until_ms);
    bind_number(binder, pairing->first_seen_ms);
    bind_number(binder, pairing->requested_ms);
    bind_number(binder, pairing->decided_ms);
    bind_text(binder, pairing->decided_by, OC_MAX_ACTOR_BYTES);
    bind_number(binder, (int64_t)pairing->approval_seq);
    bind_text(binder, pairing->closed.text, OC_REQUEST_ID_CHARS);
    bind_number(binder, pairing->closed_end);
}

/* *device is the row to update, or 0 and then becomes the row inserted. */
static enum oc_status put_device(struct record_rows *rows, const struct pairing *pairing,
                                 int64_t *device, struct oc_error *err)
{
    struct device_scratch scratch = {.replaced = ""};
    if (!pairing->is_quarantined) {
        scratch.mac = row_device_mac(rows->hmac, rows->gateway_id, pairing);
    }
    const enum record_statement which = *device ? RECORD_UPDATE_DEVICE : RECORD_INSERT_DEVICE;
    struct binder binder = {.statement = rows->statements[which]};
    bind_device(&binder, pairing, &scratch);
    if (*device) {
        bind_number(&binder, *device);
    }
    int result = bind_run(&binder);
    /* Its other unique column, the id, was looked up before. */
    if (result == SQLITE_CONSTRAINT_UNIQUE) {
        return oc_fail(err, OC_ALREADY_EXISTS, "store: the alias is taken");
    }
    if (!*device) {
        *device = sqlite3_last_insert_rowid(rows->db);
    }
    return finish(rows, result, "write a device", err);
}

static enum oc_status drop(struct record_rows *rows, enum record_statement which, int64_t device,
                           struct oc_error *err)
{
    struct binder binder = {.statement = rows->statements[which]};
    bind_number(&binder, device);
    return finish(rows, bind_run(&binder), "drop a row", err);
}

static enum oc_status put_request(struct record_rows *rows, const struct pairing *pairing,
                                  int64_t device, struct oc_error *err)
{
    const struct pairing_request *request = &pairing->request;
    const struct vote_authority authority = {rows->hmac, rows->gateway_id, &pairing->id};
    uint8_t votes[VOTE_FORM_BYTES];
    if (!request->is_open) {
        return drop(rows, RECORD_DROP_REQUEST, device, err);
    }
    struct binder binder = {.statement = rows->statements[RECORD_PUT_REQUEST]};
    bind_number(&binder, device);
    bind_text(&binder, request->id.text, OC_REQUEST_ID_CHARS);
    bind_blob(&binder, request->digest.bytes, OC_DIGEST_BYTES);
    bind_grant(&binder, &request->ask.grant);
    bind_text(&binder, request->ask.name, OC_MAX_NAME_BYTES);
    bind_labels(&binder, &request->ask.labels);
    bind_text(&binder, request->ask.purpose, OC_MAX_PURPOSE_BYTES);
    bind_number(&binder, request->why);
    bind_number(&binder, request->opened_ms);
    bind_number(&binder, request->attempted_ms);
    bind_number(&binder, request->code_failures);
    bind_blob(&binder, votes, vote_encode(&authority, request, votes));
    return finish(rows, bind_run(&binder), "write a request", err);
}

static enum oc_status put_expectation(struct record_rows *rows, const struct pairing *pairing,
                                      int64_t device, struct oc_error *err)
{
    const struct expectation *expectation = &pairing->expectation;
    if (!expectation->is_set) {
        return drop(rows, RECORD_DROP_EXPECTATION, device, err);
    }
    struct oc_digest mac = {0};
    if (!pairing->is_quarantined) {
        mac = row_expectation_mac(rows->hmac, rows->gateway_id, &pairing->id, expectation);
    }
    struct binder binder = {.statement = rows->statements[RECORD_PUT_EXPECTATION]};
    bind_number(&binder, device);
    bind_number(&binder, expectation->approves);
    bind_number(&binder, expectation->until_ms);
    bind_grant(&binder, &expectation->grant);
    bind_labels(&binder, &expectation->labels);
    bind_number(&binder, expectation->term_ms);
    bind_blob(&binder, mac.bytes, OC_DIGEST_BYTES);
    return finish(rows, bind_run(&binder), "write an expectation", err);
}

enum oc_status record_rows_put(struct record_rows *rows, const struct pairing *pairing,
                               struct oc_error *err)
{
    int64_t device = 0;
    enum oc_status st = find_device(rows, &pairing->id, &device, err);
    const bool is_known = device != 0;
    if (!st) {
        st = put_device(rows, pairing, &device, err);
    }
    if (!st && (is_known || pairing->request.is_open)) {
        st = put_request(rows, pairing, device, err);
    }
    if (!st && (is_known || pairing->expectation.is_set)) {
        st = put_expectation(rows, pairing, device, err);
    }
    return st;
}

/* The device last: the others refer to it. */
enum oc_status record_rows_forget(struct record_rows *rows, const struct oc_device_id *id,
                                  struct oc_error *err)
{
    static const enum record_statement drops[] = {RECORD_DROP_REQUEST, RECORD_DROP_EXPECTATION,
                                                  RECORD_DROP_SIGHTING, RECORD_DROP_DEVICE};
    int64_t device = 0;
    enum oc_status st = find_device(rows, id, &device, err);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(drops) && device != 0 && !st; i++) {
        st = drop(rows, drops[i], device, err);
    }
    return st;
}

enum oc_status record_rows_put_sighting(struct record_rows *rows, const struct store_sighting *row,
                                        struct oc_error *err)
{
    const struct sighting *sighting = &row->sighting;
    struct binder binder = {.statement = rows->statements[RECORD_PUT_SIGHTING]};
    bind_blob(&binder, row->id.bytes, OC_DEVICE_ID_BYTES);
    bind_number(&binder, sighting->seen_ms);
    bind_text(&binder, sighting->source, OC_MAX_SOURCE_BYTES);
    bind_text(&binder, sighting->platform, OC_MAX_PLATFORM_BYTES);
    bind_text(&binder, sighting->version, OC_MAX_VERSION_BYTES);
    bind_blob(&binder, sighting->instance_id, OC_INSTANCE_BYTES);
    bind_blob(&binder, sighting->boot_id, OC_INSTANCE_BYTES);
    bind_blob(&binder, sighting->host_hint, OC_INSTANCE_BYTES);
    bind_number(&binder, (int64_t)sighting->session_counter);
    return finish(rows, bind_run(&binder), "write a sighting", err);
}

/* ---- loading ------------------------------------------------------------------------------- */

enum source { FROM_DEVICES, FROM_REQUESTS, FROM_EXPECTATIONS, FROM_SIGHTINGS, FROM_COUNT };

static const char *const scans[FROM_COUNT] = {
    [FROM_DEVICES] =
        "SELECT device, id, standing, generation, is_removed, asked, granted, term_ends_ms, alias,"
        " labels, mac, claimed_name, last_end, replaced, replaced_ms, cool_down_until_ms,"
        " cool_down_step, refused_upgrade, refused_upgrade_until_ms, first_seen_ms, requested_ms,"
        " decided_ms, decided_by, approval_seq, closed, closed_end FROM devices ORDER BY device",
    [FROM_REQUESTS] =
        "SELECT device, id, digest, ask, name, labels, purpose, why, opened_ms, attempted_ms,"
        " code_failures, votes FROM requests ORDER BY device",
    [FROM_EXPECTATIONS] =
        "SELECT device, approves, until_ms, granted, labels, term_ms, mac FROM expectations"
        " ORDER BY device",
    [FROM_SIGHTINGS] =
        "SELECT device, seen_ms, source, platform, version, instance_id, boot_id, host_hint,"
        " session_counter FROM sightings ORDER BY device",
};

struct scan {
    sqlite3_stmt *statement;
    int64_t device; /* of the current row */
    bool has_row;
};

struct merge {
    struct record_rows *rows;
    struct scan scans[FROM_COUNT];
    struct pairing pairing;
    struct sighting sighting;
};

static enum oc_status advance(struct merge *merge, enum source from, struct oc_error *err)
{
    struct scan *scan = &merge->scans[from];
    int result = sqlite3_step(scan->statement);
    scan->has_row = result == SQLITE_ROW;
    if (scan->has_row) {
        scan->device = sqlite3_column_int64(scan->statement, 0);
        return OC_OK;
    }
    return finish(merge->rows, result, "load", err);
}

/* Moves a scan to the device's row; *found tells whether there is one. */
static enum oc_status seek(struct merge *merge, enum source from, int64_t device, bool *found,
                           struct oc_error *err)
{
    const struct scan *scan = &merge->scans[from];
    while (scan->has_row && scan->device < device) {
        enum oc_status st = advance(merge, from, err);
        if (st) {
            return st;
        }
    }
    *found = scan->has_row && scan->device == device;
    return OC_OK;
}

static void read_replaced(struct reader *reader, struct pairing *pairing)
{
    char text[PAIRING_REPLACED_KEPT * OC_REQUEST_ID_CHARS + 1] = "";
    read_text(reader, text, sizeof text - 1);
    const size_t n = strlen(text);
    reader->is_broken = reader->is_broken || n % OC_REQUEST_ID_CHARS != 0;
    for (size_t i = 0; i < n / OC_REQUEST_ID_CHARS; i++) {
        memcpy(pairing->replaced[i].text, text + i * OC_REQUEST_ID_CHARS, OC_REQUEST_ID_CHARS);
    }
}

/* Returns whether the row is sound and authentic. */
static bool read_device(const struct merge *merge, struct pairing *pairing)
{
    struct oc_digest mac = {0};
    struct reader reader = {.statement = merge->scans[FROM_DEVICES].statement, .at = 1};
    read_blob(&reader, pairing->id.bytes, OC_DEVICE_ID_BYTES);
    pairing->standing = read_small(&reader, OC_STANDING_COUNT - 1);
    pairing->generation = (uint64_t)read_number(&reader);
    pairing->is_removed = read_small(&reader, 1);
    read_grant(&reader, &pairing->asked);
    read_grant(&reader, &pairing->granted);
    pairing->term_ends_ms = read_number(&reader);
    read_text(&reader, pairing->alias, OC_MAX_NAME_BYTES);
    read_labels(&reader, &pairing->labels);
    read_blob(&reader, mac.bytes, OC_DIGEST_BYTES);
    read_text(&reader, pairing->claimed_name, OC_MAX_NAME_BYTES);
    pairing->last_end = read_small(&reader, REQUEST_END_COUNT - 1);
    read_replaced(&reader, pairing);
    pairing->replaced_ms = read_number(&reader);
    pairing->cool_down_until_ms = read_number(&reader);
    pairing->cool_down_step = (uint8_t)read_small(&reader, UINT8_MAX);
    read_digest(&reader, &pairing->refused_upgrade);
    pairing->refused_upgrade_until_ms = read_number(&reader);
    pairing->first_seen_ms = read_number(&reader);
    pairing->requested_ms = read_number(&reader);
    pairing->decided_ms = read_number(&reader);
    read_text(&reader, pairing->decided_by, OC_MAX_ACTOR_BYTES);
    pairing->approval_seq = (uint64_t)read_number(&reader);
    read_text(&reader, pairing->closed.text, OC_REQUEST_ID_CHARS);
    pairing->closed_end = read_small(&reader, REQUEST_END_COUNT - 1);
    const struct record_rows *rows = merge->rows;
    const struct oc_digest want = row_device_mac(rows->hmac, rows->gateway_id, pairing);
    return !reader.is_broken && oc_equal_constant_time(mac.bytes, want.bytes, OC_DIGEST_BYTES);
}

static bool read_request(const struct merge *merge, const struct oc_device_id *id,
                         struct pairing_request *request)
{
    const struct vote_authority authority = {merge->rows->hmac, merge->rows->gateway_id, id};
    struct reader reader = {.statement = merge->scans[FROM_REQUESTS].statement, .at = 1};
    request->is_open = true;
    read_text(&reader, request->id.text, OC_REQUEST_ID_CHARS);
    read_blob(&reader, request->digest.bytes, OC_DIGEST_BYTES);
    read_grant(&reader, &request->ask.grant);
    read_text(&reader, request->ask.name, OC_MAX_NAME_BYTES);
    read_labels(&reader, &request->ask.labels);
    read_text(&reader, request->ask.purpose, OC_MAX_PURPOSE_BYTES);
    request->why = read_small(&reader, OC_WHY_COUNT - 1);
    request->opened_ms = read_number(&reader);
    request->attempted_ms = read_number(&reader);
    request->code_failures = (uint8_t)read_small(&reader, PAIRING_MAX_CODE_FAILURES);
    const void *votes = sqlite3_column_blob(reader.statement, reader.at);
    const int n_votes = sqlite3_column_bytes(reader.statement, reader.at);
    return vote_decode(&authority, votes, (size_t)n_votes, request) && !reader.is_broken;
}

static bool read_expectation(const struct merge *merge, const struct oc_device_id *id,
                             struct expectation *expectation)
{
    struct oc_digest mac = {0};
    struct reader reader = {.statement = merge->scans[FROM_EXPECTATIONS].statement, .at = 1};
    expectation->is_set = true;
    expectation->approves = read_small(&reader, 1);
    expectation->until_ms = read_number(&reader);
    read_grant(&reader, &expectation->grant);
    read_labels(&reader, &expectation->labels);
    expectation->term_ms = read_number(&reader);
    read_blob(&reader, mac.bytes, OC_DIGEST_BYTES);
    const struct record_rows *rows = merge->rows;
    const struct oc_digest want =
        row_expectation_mac(rows->hmac, rows->gateway_id, id, expectation);
    return !reader.is_broken && oc_equal_constant_time(mac.bytes, want.bytes, OC_DIGEST_BYTES);
}

static void read_sighting(const struct merge *merge, struct sighting *sighting)
{
    struct reader reader = {.statement = merge->scans[FROM_SIGHTINGS].statement, .at = 1};
    sighting->seen_ms = read_number(&reader);
    read_text(&reader, sighting->source, OC_MAX_SOURCE_BYTES);
    read_text(&reader, sighting->platform, OC_MAX_PLATFORM_BYTES);
    read_text(&reader, sighting->version, OC_MAX_VERSION_BYTES);
    read_blob(&reader, sighting->instance_id, OC_INSTANCE_BYTES);
    read_blob(&reader, sighting->boot_id, OC_INSTANCE_BYTES);
    read_blob(&reader, sighting->host_hint, OC_INSTANCE_BYTES);
    sighting->session_counter = (uint64_t)read_number(&reader);
    if (reader.is_broken) {
        *sighting = (struct sighting){0}; /* decides nothing: as if never seen */
    }
}

/* Gathers the current device's rows. */
static enum oc_status gather(struct merge *merge, struct oc_error *err)
{
    const int64_t device = merge->scans[FROM_DEVICES].device;
    struct pairing *pairing = &merge->pairing;
    memset(pairing, 0, sizeof *pairing);
    memset(&merge->sighting, 0, sizeof merge->sighting);
    bool found[FROM_COUNT] = {false};
    for (int from = FROM_REQUESTS; from < FROM_COUNT; from++) {
        enum oc_status st = seek(merge, (enum source)from, device, &found[from], err);
        if (st) {
            return st;
        }
    }
    bool is_sound = read_device(merge, pairing);
    if (found[FROM_REQUESTS]) {
        is_sound = read_request(merge, &pairing->id, &pairing->request) && is_sound;
    }
    if (found[FROM_EXPECTATIONS]) {
        is_sound = read_expectation(merge, &pairing->id, &pairing->expectation) && is_sound;
    }
    if (found[FROM_SIGHTINGS]) {
        read_sighting(merge, &merge->sighting);
    }
    if (sqlite3_errcode(merge->rows->db) == SQLITE_NOMEM) {
        return statement_fail(merge->rows->db, SQLITE_NOMEM, "load", err); /* not the row's fault */
    }
    pairing->is_quarantined = !is_sound || !pairing_is_consistent(pairing);
    return OC_OK;
}

static enum oc_status run_merge(struct merge *merge, store_visit_fn visit, void *user,
                                struct oc_error *err)
{
    for (int from = 0; from < FROM_COUNT; from++) {
        enum oc_status st =
            statement_prepare(merge->rows->db, scans[from], &merge->scans[from].statement, err);
        if (!st) {
            st = advance(merge, (enum source)from, err);
        }
        if (st) {
            return st;
        }
    }
    while (merge->scans[FROM_DEVICES].has_row) {
        enum oc_status st = gather(merge, err);
        if (!st) {
            st = visit(user, &merge->pairing, &merge->sighting);
        }
        if (!st) {
            st = advance(merge, FROM_DEVICES, err);
        }
        if (st) {
            return st;
        }
    }
    return OC_OK;
}

/* On the reader's thread: the statements are its own. */
static enum oc_status load(void *source, store_visit_fn emit, void *user, struct oc_error *err)
{
    struct merge merge = {.rows = source};
    enum oc_status st = run_merge(&merge, emit, user, err);
    for (int from = 0; from < FROM_COUNT; from++) {
        (void)sqlite3_finalize(merge.scans[from].statement);
    }
    return st;
}

enum oc_status record_rows_load(struct record_rows *rows, store_visit_fn visit, void *user,
                                struct oc_error *err)
{
    return read_ahead(load, rows, visit, user, err);
}
