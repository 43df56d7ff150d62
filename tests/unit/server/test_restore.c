/* What a restore says, asks and does; the ways of its files are tests/system/28 and 29. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "server/restore.h"
#include "server/store/backup.h"
#include "server/store/verify.h"

enum {
    NOW_MS = 1700000000,
};

struct scene {
    char directory[64];
    char state[96];
    char backups[112];
    struct random_source random;
    struct store *store; /* of a gateway that would run; to be closed for a restore */
    struct state opened;
    bool as_it_was;
    const char *scope; /* that `bring` announces, and asks for; NULL: none */
    int64_t term_ms;   /* that it announces */
};

struct ran {
    enum restore_end end;
    char *out;
    char *err;
};

static void gateway_start(struct scene *scene)
{
    struct oc_error err;
    scene->opened = (struct state){.dir = NULL};
    assert_int_equal(state_open(scene->state, &scene->random, NOW_MS, &scene->opened, &err), OC_OK);
}

static void gateway_stop(struct scene *scene)
{
    if (scene->opened.store) {
        struct oc_error err;
        const struct store_identity identity = store_identity(scene->opened.store);
        assert_int_equal(marker_write(scene->opened.marker_path, &identity, &err), OC_OK);
    }
    state_close(&scene->opened);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    scene->random = random_system();
    (void)snprintf(scene->directory, sizeof scene->directory, "/tmp/openclaw-restore-XXXXXX");
    assert_non_null(mkdtemp(scene->directory));
    (void)snprintf(scene->state, sizeof scene->state, "%s/gateway", scene->directory);
    (void)snprintf(scene->backups, sizeof scene->backups, "%s/backups", scene->directory);
    gateway_start(scene);
    *state = scene;
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    state_close(&scene->opened);
    (void)nftw(scene->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(scene);
    return 0;
}

/* One decision: device `n` is blocked, or an alias is taken away from it. */
static void decide(struct scene *scene, uint8_t n, const char *action)
{
    const struct oc_device_id id = {{n}};
    struct pairing pairing = pairing_of_stranger(&id);
    struct audit_event audit = {.at_ms = NOW_MS, .outcome = "done", .device_id = id};
    const struct store_change change = {
        .after = &pairing, .audit = &audit, .action = action, .now_ms = NOW_MS};
    struct oc_error err;
    uint64_t seq;
    (void)snprintf(audit.action, sizeof audit.action, "%s", action);
    (void)snprintf(audit.actor.name, sizeof audit.actor.name, "uid:0");
    pairing.standing = OC_STANDING_BLOCKED;
    pairing.generation = 1;
    assert_int_equal(store_begin(scene->opened.store, &err), OC_OK);
    assert_int_equal(store_apply(scene->opened.store, &change, &seq, &err), OC_OK);
    assert_int_equal(store_commit(scene->opened.store, &err), OC_OK);
}

static void back_up(struct scene *scene, const char *name)
{
    struct store_backup *backup = NULL;
    struct oc_error err;
    bool is_done = false;
    assert_int_equal(store_backup_start(scene->opened.store, scene->backups, name, &backup, &err),
                     OC_OK);
    while (!is_done) {
        assert_int_equal(store_backup_step(backup, &is_done, &err), OC_OK);
    }
    store_backup_free(backup);
}

struct search {
    uint8_t n;
    struct pairing *out;
    bool is_found;
};

static enum oc_status look_for(void *user, const struct pairing *pairing,
                               const struct sighting *sighting)
{
    struct search *search = user;
    const struct oc_device_id id = {{search->n}};
    (void)sighting;
    if (oc_device_id_equal(&pairing->id, &id)) {
        *search->out = *pairing;
        search->is_found = true;
    }
    return OC_OK;
}

static bool find(struct store *store, uint8_t n, struct pairing *out)
{
    struct search search = {.n = n, .out = out};
    struct oc_error err;
    assert_int_equal(store_load_all(store, look_for, &search, &err), OC_OK);
    return search.is_found;
}

/* With what a person types; NULL: there is nobody. */
static struct ran restore(struct scene *scene, const char *name, const char *typed, bool yes)
{
    struct ran ran = {.out = NULL};
    char file[256];
    char input[16];
    size_t n_out = 0;
    size_t n_err = 0;
    (void)snprintf(file, sizeof file, "%s/%s", scene->backups, name);
    (void)snprintf(input, sizeof input, "%s", typed && typed[0] ? typed : "\n");
    FILE *in = fmemopen(input, strlen(input), "r");
    FILE *out = open_memstream(&ran.out, &n_out);
    FILE *err = open_memstream(&ran.err, &n_err);
    const struct restore_options options = {
        .state_dir = scene->state,
        .file = file,
        .assumes_yes = yes,
        .as_it_was = scene->as_it_was,
        .may_ask = typed != NULL,
        .in = in,
        .out = out,
        .err = err,
        .now_ms = NOW_MS,
    };
    ran.end = restore_run(&options);
    assert_int_equal(fclose(in) + fclose(out) + fclose(err), 0);
    return ran;
}

static void ran_free(struct ran *ran)
{
    free(ran->out);
    free(ran->err);
}

static uint64_t present_seq(struct scene *scene)
{
    gateway_start(scene);
    const uint64_t seq = store_identity(scene->opened.store).seq;
    state_close(&scene->opened);
    return seq;
}

static void only_a_yes_is_a_yes(void **state)
{
    struct scene *scene = *state;
    scene->as_it_was = true;
    decide(scene, 1, "block");
    back_up(scene, "a.db");
    decide(scene, 2, "block");
    gateway_stop(scene);
    static const char *const answers[] = {"", "n\n", "Y\n", "yeah\n", "y", NULL};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(answers); i++) {
        struct ran ran = restore(scene, "a.db", answers[i], false);
        assert_int_equal(ran.end, RESTORE_UNCONFIRMED);
        assert_non_null(strstr(ran.err, answers[i] ? "[y/N]" : "--yes"));
        ran_free(&ran);
        assert_int_equal(present_seq(scene), 2);
    }
    struct ran ran = restore(scene, "a.db", "y\n", false);
    assert_int_equal(ran.end, RESTORE_DONE);
    assert_null(strstr(ran.out, "cannot be told"));
    ran_free(&ran);
    gateway_start(scene);
    assert_int_equal(scene->opened.lock, STORE_LOCK_BEHIND);
    assert_int_equal(store_identity(scene->opened.store).seq, 1);
}

static void withdrawals_are_told_first(void **state)
{
    struct scene *scene = *state;
    back_up(scene, "a.db");
    decide(scene, 1, "approve");
    decide(scene, 2, "rename");
    decide(scene, 3, "revoke");
    decide(scene, 4, "approve");
    decide(scene, 5, "term_end");
    decide(scene, 6, "connect"); /* no decision */
    gateway_stop(scene);
    struct ran ran = restore(scene, "a.db", NULL, false);
    const char *lost = strstr(ran.out, "lost     5 decisions, withdrawals among them: 2");
    assert_non_null(lost);
    const char *revoke = strstr(lost, "  revoke ");
    const char *term_end = strstr(lost, "  term_end ");
    const char *approve = strstr(lost, "  approve ");
    assert_true(revoke && term_end && approve);
    assert_true(revoke < term_end && term_end < approve);
    assert_null(strstr(ran.out, "connect"));
    ran_free(&ran);
}

static void histories_that_went_apart_are_told_apart(void **state)
{
    struct scene *scene = *state;
    scene->as_it_was = true;
    decide(scene, 1, "block");
    back_up(scene, "common.db");
    decide(scene, 2, "block");
    back_up(scene, "left.db");
    gateway_stop(scene);
    struct ran ran = restore(scene, "common.db", NULL, true);
    assert_int_equal(ran.end, RESTORE_DONE);
    assert_null(strstr(ran.out, "different histories"));
    ran_free(&ran);
    gateway_start(scene);
    decide(scene, 3, "revoke");
    gateway_stop(scene);
    ran = restore(scene, "left.db", NULL, false);
    assert_non_null(strstr(ran.out, "different histories"));
    assert_non_null(strstr(ran.out, "lost     1 decision, withdrawals among them: 1"));
    ran_free(&ran);
    /* A later state of the same history is no loss. */
    ran = restore(scene, "common.db", NULL, false);
    assert_null(strstr(ran.out, "different histories"));
    ran_free(&ran);
}

static void a_record_that_was_changed_is_told_and_one_alone_refuses_nothing(void **state)
{
    struct scene *scene = *state;
    char path[256];
    sqlite3 *db = NULL;
    decide(scene, 1, "block");
    decide(scene, 2, "block");
    back_up(scene, "a.db");
    gateway_stop(scene);
    (void)snprintf(path, sizeof path, "%s/a.db", scene->backups);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE devices SET generation = 9 WHERE device = 1", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    struct ran ran = restore(scene, "a.db", NULL, false);
    assert_int_equal(ran.end, RESTORE_UNCONFIRMED);
    assert_non_null(strstr(ran.out, "warning: 1 record"));
    ran_free(&ran);
}

/* ---- who was shut out stays out -------------------------------------------------------------- */

/* A device as an event leaves it, decided as the gateway decides. */
static void give_scope(const struct scene *scene, struct oc_grant *grant)
{
    (void)snprintf(grant->role, sizeof grant->role, "agent");
    if (scene->scope) {
        grant->n_scopes = 1;
        (void)snprintf(grant->scopes[0], sizeof grant->scopes[0], "%s", scene->scope);
    }
}

static void bring(struct scene *scene, uint8_t n, enum pairing_event_kind kind)
{
    static const struct policy policy = {.pending_ttl_ms = 3600000};
    const struct oc_device_id id = {{n}};
    struct pairing was = pairing_of_stranger(&id);
    struct pairing_event event = {.kind = kind, .actor = {.name = "uid:0", .source = "local"}};
    struct oc_error err;
    uint64_t seq;
    (void)find(scene->opened.store, n, &was);
    if (kind == PAIRING_EV_EXPECT) {
        event.approves = true;
        event.term_ms = scene->term_ms;
        give_scope(scene, &event.grant);
    }
    if (kind == PAIRING_EV_CONNECT) {
        give_scope(scene, &event.ask.grant);
    }
    const struct pairing_decision decision = pairing_decide(&was, &event, &policy, NOW_MS);
    assert_true(decision.changed);
    const struct store_change change = {.after = &decision.next,
                                        .audit = decision.is_audited ? &decision.audit : NULL,
                                        .action = pairing_event_name(kind),
                                        .now_ms = NOW_MS};
    assert_int_equal(store_begin(scene->opened.store, &err), OC_OK);
    assert_int_equal(store_apply(scene->opened.store, &change, &seq, &err), OC_OK);
    assert_int_equal(store_commit(scene->opened.store, &err), OC_OK);
}

static void approve(struct scene *scene, uint8_t n)
{
    bring(scene, n, PAIRING_EV_EXPECT);
    bring(scene, n, PAIRING_EV_CONNECT);
}

enum {
    STAYS = 1, /* approved all the time */
    REVOKED,
    BLOCKED,
    BLOCKED_AND_FREED, /* approved, blocked, unblocked: no longer approved */
    STRANGER,          /* blocked, and never seen before */
    IN_ADVANCE,        /* announced, came, revoked */
    ANNOUNCED,         /* announced all the time */
    AGAIN,             /* revoked, and approved again */
};

/* From the moment of the backup to a present where others are shut out. */
static void shut_out(struct scene *scene)
{
    static const uint8_t approved[] = {STAYS, REVOKED, BLOCKED, BLOCKED_AND_FREED, AGAIN};
    for (size_t i = 0; i < sizeof approved; i++) {
        approve(scene, approved[i]);
    }
    bring(scene, IN_ADVANCE, PAIRING_EV_EXPECT);
    bring(scene, ANNOUNCED, PAIRING_EV_EXPECT);
    back_up(scene, "a.db");
    bring(scene, REVOKED, PAIRING_EV_REVOKE);
    bring(scene, BLOCKED, PAIRING_EV_BLOCK);
    bring(scene, BLOCKED_AND_FREED, PAIRING_EV_BLOCK);
    bring(scene, BLOCKED_AND_FREED, PAIRING_EV_UNBLOCK);
    bring(scene, STRANGER, PAIRING_EV_BLOCK);
    bring(scene, IN_ADVANCE, PAIRING_EV_CONNECT);
    bring(scene, IN_ADVANCE, PAIRING_EV_REVOKE);
    bring(scene, AGAIN, PAIRING_EV_REVOKE);
    approve(scene, AGAIN);
    gateway_stop(scene);
}

static enum oc_standing standing_of(struct scene *scene, uint8_t n, bool *is_announced)
{
    struct pairing found = {.standing = OC_STANDING_NONE};
    (void)find(scene->opened.store, n, &found);
    assert_false(found.is_quarantined);
    *is_announced = found.expectation.is_set && found.expectation.approves;
    return found.standing;
}

static void who_was_shut_out_since_stays_out(void **state)
{
    static const enum oc_standing wanted[] = {
        [STAYS] = OC_STANDING_APPROVED,   [REVOKED] = OC_STANDING_REVOKED,
        [BLOCKED] = OC_STANDING_BLOCKED,  [BLOCKED_AND_FREED] = OC_STANDING_REVOKED,
        [STRANGER] = OC_STANDING_BLOCKED, [IN_ADVANCE] = OC_STANDING_NONE,
        [ANNOUNCED] = OC_STANDING_NONE,   [AGAIN] = OC_STANDING_APPROVED,
    };
    struct scene *scene = *state;
    struct store_findings findings;
    struct oc_error err;
    shut_out(scene);
    struct ran ran = restore(scene, "a.db", NULL, true);
    assert_int_equal(ran.end, RESTORE_DONE);
    assert_non_null(strstr(ran.out, "made again: 2 revoked, 2 blocked, 1 no longer"));
    ran_free(&ran);
    gateway_start(scene);
    assert_int_equal(scene->opened.lock, STORE_LOCK_BEHIND);
    for (unsigned n = STAYS; n <= AGAIN; n++) {
        bool is_announced = false;
        assert_int_equal(standing_of(scene, (uint8_t)n, &is_announced), wanted[n]);
        assert_int_equal(is_announced, n == ANNOUNCED);
    }
    /* Decisions like any other: on record, and the chain is whole. */
    assert_int_equal(store_verify(scene->opened.store, &findings, &err), OC_OK);
    const struct store_audit_query query = {.newest_first = true, .limit = 1};
    struct store_audit_row row;
    size_t n_rows = 0;
    assert_int_equal(store_list_audit(scene->opened.store, &query, &row, &n_rows, &err), OC_OK);
    assert_string_equal(row.event.rule, "restore");
    assert_string_equal(row.event.actor.name, "gateway");
}

enum {
    LESS = 1,      /* approved anew, without the scope */
    OTHER,         /* with another scope */
    SHORTER,       /* for an hour */
    SOONER,        /* for an hour instead of a day */
    MORE,          /* with a scope that it did not have */
    LONGER,        /* for a day instead of an hour */
    SAME,          /* as it was */
    EXPECTED_LESS, /* announced twice, the second time without the scope */
    EXPECTED_SAME,
    EXPECTED_MORE, /* the second time with the scope */
};

enum { HOUR_MS = 3600000, DAY_MS = 24 * HOUR_MS };

static const struct {
    uint8_t n;
    const char *scope_before;
    int64_t term_before;
    const char *scope_after;
    int64_t term_after;
} anew[] = {
    {LESS, "chat", 0, NULL, 0},
    {OTHER, "chat", 0, "tools", 0},
    {SHORTER, NULL, 0, NULL, HOUR_MS},
    {SOONER, NULL, DAY_MS, NULL, HOUR_MS},
    {MORE, NULL, 0, "chat", 0},
    {LONGER, NULL, HOUR_MS, NULL, DAY_MS},
    {SAME, "chat", HOUR_MS, "chat", HOUR_MS},
};

static void approve_with(struct scene *scene, uint8_t n, const char *scope, int64_t term_ms)
{
    scene->scope = scope;
    scene->term_ms = term_ms;
    approve(scene, n);
}

static void approve_anew(struct scene *scene)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(anew); i++) {
        approve_with(scene, anew[i].n, anew[i].scope_before, anew[i].term_before);
    }
    scene->scope = "chat";
    bring(scene, EXPECTED_LESS, PAIRING_EV_EXPECT);
    bring(scene, EXPECTED_SAME, PAIRING_EV_EXPECT);
    scene->scope = NULL;
    bring(scene, EXPECTED_MORE, PAIRING_EV_EXPECT);
    back_up(scene, "a.db");
    for (size_t i = 0; i < OC_ARRAY_LENGTH(anew); i++) {
        bring(scene, anew[i].n, PAIRING_EV_REVOKE);
        approve_with(scene, anew[i].n, anew[i].scope_after, anew[i].term_after);
    }
    scene->scope = NULL;
    bring(scene, EXPECTED_LESS, PAIRING_EV_EXPECT);
    scene->scope = "chat";
    bring(scene, EXPECTED_MORE, PAIRING_EV_EXPECT);
    back_up(scene, "b.db");
    gateway_stop(scene);
}

static void what_was_narrowed_since_does_not_come_back(void **state)
{
    struct scene *scene = *state;
    approve_anew(scene);
    struct ran ran = restore(scene, "a.db", NULL, true);
    assert_int_equal(ran.end, RESTORE_DONE);
    /* Nobody was shut out for good: nothing of that is made again, nor said to be. */
    assert_non_null(strstr(ran.out, "made again: 0 revoked, 0 blocked, 1 no longer"));
    assert_non_null(strstr(ran.out, "or for longer: 4;"));
    for (int n = LESS; n <= SAME; n++) {
        const struct oc_device_id id = {{(uint8_t)n}};
        char line[16 + OC_DEVICE_ID_DIGITS] = "\n  device ";
        oc_device_id_format(&id, line + strlen(line));
        assert_true((strstr(ran.out, line) != NULL) == (n <= SOONER));
    }
    ran_free(&ran);
    gateway_start(scene);
    for (int n = LESS; n <= EXPECTED_MORE; n++) {
        bool is_announced = false;
        const enum oc_standing standing = standing_of(scene, (uint8_t)n, &is_announced);
        assert_int_equal(standing, n <= SOONER ? OC_STANDING_REVOKED
                                   : n <= SAME ? OC_STANDING_APPROVED
                                               : OC_STANDING_NONE);
        assert_int_equal(is_announced, n >= EXPECTED_SAME);
    }
}

/* The newer one put back: what it gives is what was decided last. */
static void a_newer_state_revokes_nothing(void **state)
{
    struct scene *scene = *state;
    bool is_announced = false;
    approve_anew(scene);
    scene->as_it_was = true;
    struct ran ran = restore(scene, "a.db", NULL, true);
    assert_int_equal(ran.end, RESTORE_DONE);
    assert_null(strstr(ran.out, "or for longer"));
    ran_free(&ran);
    scene->as_it_was = false;
    ran = restore(scene, "b.db", NULL, false);
    assert_null(strstr(ran.out, "or for longer"));
    assert_null(strstr(ran.out, "made again"));
    ran_free(&ran);
    gateway_start(scene);
    assert_int_equal(standing_of(scene, LESS, &is_announced), OC_STANDING_APPROVED);
}

static void as_it_was_lets_in_who_was_in(void **state)
{
    struct scene *scene = *state;
    bool is_announced = false;
    shut_out(scene);
    scene->as_it_was = true;
    struct ran ran = restore(scene, "a.db", NULL, true);
    assert_int_equal(ran.end, RESTORE_DONE);
    assert_non_null(strstr(ran.out, "comes in again (--as-it-was)"));
    assert_null(strstr(ran.out, "made again"));
    ran_free(&ran);
    gateway_start(scene);
    assert_int_equal(scene->opened.lock, STORE_LOCK_BEHIND);
    assert_int_equal(standing_of(scene, REVOKED, &is_announced), OC_STANDING_APPROVED);
    assert_int_equal(standing_of(scene, STRANGER, &is_announced), OC_STANDING_NONE);
}

/* All that was lost was made again, as many changes as before: still not the same state. */
static void as_many_changes_are_not_the_same_history(void **state)
{
    struct scene *scene = *state;
    approve(scene, REVOKED);
    back_up(scene, "a.db");
    bring(scene, REVOKED, PAIRING_EV_REVOKE);
    gateway_stop(scene);
    struct ran ran = restore(scene, "a.db", NULL, true);
    assert_int_equal(ran.end, RESTORE_DONE);
    ran_free(&ran);
    gateway_start(scene);
    assert_int_equal(scene->opened.lock, STORE_LOCK_BEHIND);
}

/* The marker is written now and then; a kill leaves it behind the database. */
static void a_late_marker_does_not_make_an_older_state_the_newest(void **state)
{
    struct scene *scene = *state;
    struct oc_error err;
    approve(scene, STAYS);
    const struct store_identity early = store_identity(scene->opened.store);
    back_up(scene, "a.db");
    approve(scene, AGAIN);
    assert_int_equal(unlink(scene->opened.marker_path), 0);
    assert_int_equal(marker_write(scene->opened.marker_path, &early, &err), OC_OK);
    state_close(&scene->opened);
    struct ran ran = restore(scene, "a.db", NULL, true);
    assert_int_equal(ran.end, RESTORE_DONE);
    assert_non_null(strstr(ran.out, "starts locked"));
    ran_free(&ran);
    gateway_start(scene);
    assert_int_equal(scene->opened.lock, STORE_LOCK_BEHIND);
}

/* ---- what lies in the way -------------------------------------------------------------------- */

static void write_beside(struct scene *scene, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", scene->state, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool holds(struct scene *scene, const char *name, const char *text)
{
    char path[256];
    char found[64] = "";
    (void)snprintf(path, sizeof path, "%s/%s", scene->state, name);
    FILE *file = fopen(path, "r");
    if (!file) {
        return false;
    }
    const bool is_read = fgets(found, sizeof found, file) != NULL;
    assert_int_equal(fclose(file), 0);
    return is_read && strcmp(found, text) == 0;
}

/* SQLite would replay it into whatever database takes the name; system test 48 lets it. */
static void a_log_without_its_database_is_told_and_moved_aside(void **state)
{
    static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
    struct scene *scene = *state;
    char name[160];
    decide(scene, 1, "block");
    back_up(scene, "a.db");
    gateway_stop(scene);
    (void)snprintf(name, sizeof name, "%s/gateway.db", scene->state);
    assert_int_equal(unlink(name), 0);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(suffixes); i++) {
        (void)snprintf(name, sizeof name, "gateway.db%s", suffixes[i]);
        write_beside(scene, name, suffixes[i]);
    }
    struct ran ran = restore(scene, "a.db", NULL, true);
    assert_int_equal(ran.end, RESTORE_DONE);
    assert_non_null(strstr(ran.out, "its log is there without it"));
    assert_non_null(strstr(ran.out, "the log that was found lies at"));
    ran_free(&ran);
    for (size_t i = 0; i < OC_ARRAY_LENGTH(suffixes); i++) {
        (void)snprintf(name, sizeof name, "gateway.db%s", suffixes[i]);
        assert_false(holds(scene, name, suffixes[i]));
        (void)snprintf(name, sizeof name, "gateway.db.replaced-%d%s", NOW_MS, suffixes[i]);
        assert_true(holds(scene, name, suffixes[i]));
    }
    assert_int_equal(present_seq(scene), 1);
}

static void a_copy_that_was_cut_off_is_not_removed_as_its_own_backup(void **state)
{
    struct scene *scene = *state;
    decide(scene, 1, "block");
    back_up(scene, "a.db"); /* makes the directory */
    gateway_stop(scene);
    write_beside(scene, "gateway.db.incoming", "half");
    struct ran ran = restore(scene, "../gateway/gateway.db.incoming", NULL, true);
    assert_int_equal(ran.end, RESTORE_FAILED);
    assert_non_null(strstr(ran.err, "is no backup, but what a restore that was cut off left"));
    ran_free(&ran);
    assert_true(holds(scene, "gateway.db.incoming", "half"));
}

/* Root may read everything, but what root leaves there the gateway could not use. */
static void root_is_told_whose_the_directory_is(void **state)
{
    struct scene *scene = *state;
    decide(scene, 1, "block");
    back_up(scene, "a.db");
    gateway_stop(scene);
    if (chown(scene->state, 4242, 4242)) {
        skip();
    }
    struct ran ran = restore(scene, "a.db", NULL, true);
    assert_int_equal(ran.end, RESTORE_FORBIDDEN);
    assert_non_null(strstr(ran.err, "sudo -u '#4242' openclaw gateway"));
    ran_free(&ran);
    assert_int_equal(chown(scene->state, geteuid(), getegid()), 0);
}

static void verify_counts_and_finds_the_last_hash(void **state)
{
    struct scene *scene = *state;
    struct store_findings findings;
    struct oc_digest hash;
    struct oc_error err;
    for (uint8_t n = 1; n <= 7; n++) {
        decide(scene, n, "block");
    }
    assert_int_equal(store_verify(scene->opened.store, &findings, &err), OC_OK);
    assert_int_equal(findings.n_audit, 7);
    assert_int_equal(findings.n_records, 7);
    assert_int_equal(findings.n_blocked, 7);
    assert_int_equal(findings.n_quarantined, 0);
    assert_int_equal(store_audit_hash(scene->opened.store, 7, &hash, &err), OC_OK);
    assert_memory_equal(hash.bytes, findings.head.bytes, sizeof hash.bytes);
    assert_int_equal(store_audit_hash(scene->opened.store, 8, &hash, &err), OC_DATA_LOSS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(only_a_yes_is_a_yes),
        CASE(withdrawals_are_told_first),
        CASE(histories_that_went_apart_are_told_apart),
        CASE(a_record_that_was_changed_is_told_and_one_alone_refuses_nothing),
        CASE(who_was_shut_out_since_stays_out),
        CASE(what_was_narrowed_since_does_not_come_back),
        CASE(a_newer_state_revokes_nothing),
        CASE(as_it_was_lets_in_who_was_in),
        CASE(as_many_changes_are_not_the_same_history),
        CASE(a_late_marker_does_not_make_an_older_state_the_newest),
        CASE(a_log_without_its_database_is_told_and_moved_aside),
        CASE(a_copy_that_was_cut_off_is_not_removed_as_its_own_backup),
        CASE(root_is_told_whose_the_directory_is),
        CASE(verify_counts_and_finds_the_last_hash),
#undef CASE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
