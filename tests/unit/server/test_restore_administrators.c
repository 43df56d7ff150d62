/* No restore, and no rollback that is accepted, gives a remote administrator anything back. */
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

#define NOW_MS INT64_C(1700000000000)
#define DAY_MS (INT64_C(24) * 3600 * 1000)

struct scene {
    char directory[64];
    char state[96];
    char backups[112];
    struct random_source random;
    struct state opened;
    bool as_it_was;
    int n_restores;
    char *said; /* by the last restore */
};

static void gateway_start(struct scene *scene)
{
    struct oc_error err;
    scene->opened = (struct state){.dir = NULL};
    assert_int_equal(state_open(scene->state, &scene->random, NOW_MS, &scene->opened, &err), OC_OK);
}

static void gateway_stop(struct scene *scene)
{
    struct oc_error err;
    const struct store_identity identity = store_identity(scene->opened.store);
    assert_int_equal(marker_write(scene->opened.marker_path, &identity, &err), OC_OK);
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
    free(scene->said);
    free(scene);
    return 0;
}

/* ---- administrators -------------------------------------------------------------------------- */

struct search {
    const char *name;
    struct administrator found;
};

static enum oc_status look_for(void *user, const struct administrator *found)
{
    struct search *search = user;
    if (strcmp(found->name, search->name) == 0) {
        search->found = *found;
    }
    return OC_OK;
}

/* A static one, as they are large; name "" if there is none. */
static const struct administrator *find(struct scene *scene, const char *name)
{
    static struct search search;
    struct oc_error err;
    search = (struct search){.name = name};
    assert_int_equal(store_load_administrators(scene->opened.store, look_for, &search, &err),
                     OC_OK);
    return &search.found;
}

static struct administrator_event event;

static struct administrator_event *event_of(enum administrator_event_kind kind, const char *name)
{
    event = (struct administrator_event){
        .kind = kind, .actor = {.name = "uid:0", .source = "local"}, .role = ADMINISTRATOR_ADMIN};
    (void)snprintf(event.name, sizeof event.name, "%s", name);
    return &event;
}

static void do_it(struct scene *scene, const struct administrator_event *what)
{
    static struct administrator_decision decision;
    struct oc_error err;
    uint64_t seq;
    const struct administrator was = *find(scene, what->name);
    administrator_decide(&was, what, NOW_MS, &decision);
    assert_int_equal(decision.outcome, ADMINISTRATOR_DONE);
    assert_true(decision.changed);
    const struct store_change change = {.administrator = &decision.next,
                                        .audit = &decision.audit,
                                        .action = administrator_event_name(what->kind),
                                        .now_ms = NOW_MS};
    assert_int_equal(store_begin(scene->opened.store, &err), OC_OK);
    assert_int_equal(store_apply(scene->opened.store, &change, &seq, &err), OC_OK);
    assert_int_equal(store_commit(scene->opened.store, &err), OC_OK);
}

static void give(struct scene *scene, enum administrator_event_kind kind, const char *name,
                 uint8_t certificate, bool is_brought)
{
    struct administrator_event *it = event_of(kind, name);
    it->certificate.sha256.bytes[0] = certificate;
    it->certificate.spki_sha256.bytes[0] = certificate;
    it->certificate.serial[0] = certificate;
    it->certificate.n_serial = 1;
    it->certificate.not_before_ms = NOW_MS - 1000;
    it->certificate.not_after_ms = NOW_MS + 90 * DAY_MS;
    it->certificate.n_der = is_brought ? 0 : 1;
    do_it(scene, it);
}

static void issue(struct scene *scene, const char *name, uint8_t certificate)
{
    give(scene, ADMINISTRATOR_EV_ISSUE, name, certificate, false);
}

static void withdraw(struct scene *scene, const char *name)
{
    do_it(scene, event_of(ADMINISTRATOR_EV_REVOKE, name));
}

static void revoke_certificate(struct scene *scene, const char *name, uint8_t certificate)
{
    struct administrator_event *it = event_of(ADMINISTRATOR_EV_REVOKE_CERTIFICATE, name);
    it->sha256.bytes[0] = certificate;
    do_it(scene, it);
}

static void demote(struct scene *scene, const char *name)
{
    struct administrator_event *it = event_of(ADMINISTRATOR_EV_SET_ROLE, name);
    it->role = ADMINISTRATOR_VIEWER;
    do_it(scene, it);
}

/* What the holder may do. */
static enum administrator_role role_of(struct scene *scene, const char *name, uint8_t certificate)
{
    struct oc_digest sha256 = {{certificate}};
    const struct administrator *it = find(scene, name);
    const struct administrator_certificate *held = administrator_find_certificate(it, &sha256);
    const bool may = held && !it->is_quarantined && !it->is_revoked &&
                     administrator_certificate_is_in_force(held, NOW_MS);
    return may ? it->role : ADMINISTRATOR_NOBODY;
}

/* ---- backups --------------------------------------------------------------------------------- */

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

/* And starts again; what was said is kept. */
static void restore(struct scene *scene, const char *name)
{
    char file[256];
    size_t n = 0;
    free(scene->said);
    (void)snprintf(file, sizeof file, "%s/%s", scene->backups, name);
    FILE *out = open_memstream(&scene->said, &n);
    const struct restore_options options = {
        .state_dir = scene->state,
        .file = file,
        .assumes_yes = true,
        .as_it_was = scene->as_it_was,
        .in = stdin,
        .out = out,
        .err = out,
        .now_ms = NOW_MS + ++scene->n_restores,
    };
    assert_int_equal(restore_run(&options), RESTORE_DONE);
    assert_int_equal(fclose(out), 0);
    gateway_start(scene);
}

static void check_whole(struct scene *scene)
{
    struct store_findings findings;
    struct oc_error err;
    assert_int_equal(store_verify(scene->opened.store, &findings, &err), OC_OK);
    assert_int_equal(findings.n_quarantined, 0);
}

/* ---- what is promised ------------------------------------------------------------------------ */

static void what_was_taken_from_administrators_stays_taken(void **state)
{
    struct scene *scene = *state;
    static const char *const names[] = {"stays", "revoked", "demoted", "one", "void", "again"};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(names); i++) {
        issue(scene, names[i], (uint8_t)(i + 1));
    }
    give(scene, ADMINISTRATOR_EV_RENEW, "one", 14, false);
    back_up(scene, "a.db");
    withdraw(scene, "revoked");
    demote(scene, "demoted");
    revoke_certificate(scene, "one", 4);
    do_it(scene, event_of(ADMINISTRATOR_EV_VOID, "void"));
    withdraw(scene, "again");
    issue(scene, "again", 16);
    issue(scene, "late", 17);
    gateway_stop(scene);
    restore(scene, "a.db");
    assert_int_equal(scene->opened.lock, STORE_LOCK_BEHIND);
    assert_int_equal(role_of(scene, "stays", 1), ADMINISTRATOR_ADMIN);
    assert_int_equal(role_of(scene, "revoked", 2), ADMINISTRATOR_NOBODY);
    assert_true(find(scene, "revoked")->is_revoked); /* to be issued, not renewed */
    assert_int_equal(role_of(scene, "demoted", 3), ADMINISTRATOR_VIEWER);
    assert_int_equal(role_of(scene, "one", 4), ADMINISTRATOR_NOBODY);
    assert_int_equal(role_of(scene, "one", 14), ADMINISTRATOR_ADMIN);
    assert_int_equal(role_of(scene, "void", 5), ADMINISTRATOR_NOBODY);
    assert_int_equal(role_of(scene, "again", 6), ADMINISTRATOR_NOBODY);
    assert_int_equal(role_of(scene, "again", 16), ADMINISTRATOR_NOBODY); /* to be issued anew */
    check_whole(scene);
    assert_non_null(strstr(scene->said, "administrators: withdrawn, so that none may more than "
                                        "before: 5"));
    assert_non_null(strstr(scene->said, "administrator=revoked"));
    assert_null(strstr(scene->said, "administrator=stays"));
    const struct store_audit_query query = {.newest_first = true, .limit = 1};
    struct store_audit_row row;
    struct oc_error err;
    size_t n = 0;
    assert_int_equal(store_list_audit(scene->opened.store, &query, &row, &n, &err), OC_OK);
    assert_string_equal(row.event.rule, "restore");
    assert_string_equal(row.event.actor.name, "gateway");
}

static void what_was_decided_of_administrators_is_told_with_what_is_lost(void **state)
{
    struct scene *scene = *state;
    issue(scene, "alice", 1);
    back_up(scene, "a.db");
    withdraw(scene, "alice");
    issue(scene, "bob", 2);
    gateway_stop(scene);
    restore(scene, "a.db");
    const char *lost = strstr(scene->said, "lost     2 decisions, withdrawals among them: 1");
    assert_non_null(lost);
    const char *revoked = strstr(lost, "admin.revoke");
    const char *issued = strstr(lost, "admin.issue");
    assert_true(revoked && issued && revoked < issued);
    assert_non_null(strstr(lost, "administrator=alice"));
}

/* A certificate that somebody else's CA signed can be registered again. */
static void a_brought_certificate_that_was_revoked_is_not_brought_again(void **state)
{
    struct scene *scene = *state;
    give(scene, ADMINISTRATOR_EV_ISSUE, "alice", 1, true);
    back_up(scene, "a.db");
    give(scene, ADMINISTRATOR_EV_RENEW, "alice", 2, true);
    revoke_certificate(scene, "alice", 2);
    give(scene, ADMINISTRATOR_EV_ISSUE, "bob", 3, true);
    withdraw(scene, "bob");
    gateway_stop(scene);
    restore(scene, "a.db");
    assert_int_equal(role_of(scene, "alice", 1), ADMINISTRATOR_ADMIN);
    static const struct {
        const char *name;
        uint8_t certificate;
    } brought[] = {{"alice", 2}, {"bob", 3}};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(brought); i++) {
        static struct administrator_decision decision;
        struct administrator_event *it = event_of(ADMINISTRATOR_EV_RENEW, brought[i].name);
        it->kind = i == 0 ? ADMINISTRATOR_EV_RENEW : ADMINISTRATOR_EV_ISSUE;
        it->certificate.sha256.bytes[0] = brought[i].certificate;
        it->certificate.n_serial = 1;
        it->certificate.not_after_ms = NOW_MS + DAY_MS;
        const struct administrator was = *find(scene, brought[i].name);
        administrator_decide(&was, it, NOW_MS, &decision);
        assert_int_equal(decision.outcome, ADMINISTRATOR_IS_REVOKED);
    }
    check_whole(scene);
}

static void spoil(struct scene *scene, const char *statement)
{
    char path[160];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/gateway.db", scene->state);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Somebody else wrote the present row: that says nothing, least of all that he may come in. */
static void a_row_that_is_not_authentic_vouches_for_nobody(void **state)
{
    struct scene *scene = *state;
    issue(scene, "alice", 1);
    back_up(scene, "a.db");
    issue(scene, "bob", 2);
    gateway_stop(scene);
    spoil(scene, "UPDATE administrators SET generation = 9 WHERE name = 'alice'");
    restore(scene, "a.db");
    assert_int_equal(role_of(scene, "alice", 1), ADMINISTRATOR_NOBODY);
    check_whole(scene);
}

/* Nobody of another CA is registered: all that is known of them is what was revoked. */
static void revoke_external(struct scene *scene, const char *name, uint8_t certificate)
{
    struct administrator_event *it =
        event_of(certificate ? ADMINISTRATOR_EV_REVOKE_CERTIFICATE : ADMINISTRATOR_EV_REVOKE, name);
    it->is_external = true;
    it->role = ADMINISTRATOR_VIEWER;
    it->sha256.bytes[0] = it->certificate.sha256.bytes[0] = certificate;
    it->certificate.n_serial = 1;
    it->certificate.not_after_ms = NOW_MS + 90 * DAY_MS;
    do_it(scene, it);
}

static void who_was_never_registered_and_is_revoked_stays_so(void **state)
{
    struct scene *scene = *state;
    revoke_external(scene, "spiffe://corp/bob", 1);
    back_up(scene, "a.db");
    revoke_external(scene, "spiffe://corp/alice", 0); /* by name: no certificate tells of it */
    revoke_external(scene, "spiffe://corp/bob", 0);
    revoke_external(scene, "spiffe://corp/carol", 2);
    gateway_stop(scene);
    restore(scene, "a.db");
    assert_true(find(scene, "spiffe://corp/alice")->is_revoked);
    assert_true(find(scene, "spiffe://corp/bob")->is_revoked);
    assert_true(find(scene, "spiffe://corp/carol")->is_revoked);
    assert_int_equal(find(scene, "spiffe://corp/carol")->n_certificates, 1);
    assert_non_null(strstr(scene->said, "administrator=spiffe://corp/alice"));
    check_whole(scene);
}

/* A row that failed authentication bars its name and its certificates: nobody gains by a restore.
 */
static void what_a_row_that_is_not_authentic_bars_stays_barred(void **state)
{
    struct scene *scene = *state;
    revoke_external(scene, "spiffe://corp/bob", 1);
    issue(scene, "fine", 7);
    back_up(scene, "a.db");
    revoke_external(scene, "spiffe://corp/alice", 2);
    revoke_external(scene, "spiffe://corp/x", 3);
    gateway_stop(scene);
    spoil(scene, "UPDATE administrators SET generation = 9 WHERE name <> 'fine'");
    spoil(scene, "UPDATE administrators SET name = 'x' || char(27) || 'x'"
                 " WHERE name = 'spiffe://corp/x'");
    restore(scene, "a.db");
    static const char *const names[] = {"spiffe://corp/alice", "spiffe://corp/bob"};
    for (size_t i = 0; i < OC_ARRAY_LENGTH(names); i++) {
        const struct oc_digest sha256 = {{(uint8_t)(2 - i)}};
        const struct administrator *it = find(scene, names[i]);
        assert_true(it->is_revoked);
        assert_non_null(administrator_find_certificate(it, &sha256));
    }
    assert_int_equal(role_of(scene, "fine", 7), ADMINISTRATOR_ADMIN);
    assert_null(strchr(scene->said, 27)); /* it bars nobody, and reaches no terminal */
    check_whole(scene);
}

static void a_backup_that_is_not_authentic_hides_no_revocation(void **state)
{
    struct scene *scene = *state;
    revoke_external(scene, "spiffe://corp/bob", 1);
    gateway_stop(scene);
    spoil(scene, "UPDATE administrators SET generation = 9, certificates = x'00'");
    gateway_start(scene);
    back_up(scene, "a.db");
    revoke_external(scene, "spiffe://corp/bob", 0);
    revoke_external(scene, "spiffe://corp/bob", 1);
    gateway_stop(scene);
    restore(scene, "a.db");
    const struct oc_digest sha256 = {{1}};
    const struct administrator *it = find(scene, "spiffe://corp/bob");
    assert_true(it->is_revoked && !it->is_quarantined);
    assert_non_null(administrator_find_certificate(it, &sha256));
    check_whole(scene);
}

static void remove_database(struct scene *scene)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/gateway.db", scene->state);
    assert_int_equal(unlink(path), 0);
}

/* Three void rows are three changes more; they must not carry it past the marker. */
static void without_the_present_nobody_comes_in_and_it_stays_locked(void **state)
{
    struct scene *scene = *state;
    issue(scene, "alice", 1);
    issue(scene, "bob", 2);
    issue(scene, "carol", 3);
    back_up(scene, "a.db");
    withdraw(scene, "alice");
    gateway_stop(scene);
    remove_database(scene);
    restore(scene, "a.db");
    assert_int_equal(scene->opened.lock, STORE_LOCK_BEHIND);
    assert_int_equal(role_of(scene, "alice", 1), ADMINISTRATOR_NOBODY);
    assert_int_equal(role_of(scene, "bob", 2), ADMINISTRATOR_NOBODY);
    check_whole(scene);
}

static void the_newest_backup_keeps_administrators_as_they_were(void **state)
{
    struct scene *scene = *state;
    issue(scene, "alice", 1);
    back_up(scene, "a.db");
    gateway_stop(scene);
    remove_database(scene);
    restore(scene, "a.db");
    assert_int_equal(scene->opened.lock, STORE_LOCK_NONE);
    assert_int_equal(role_of(scene, "alice", 1), ADMINISTRATOR_ADMIN);
    assert_null(strstr(scene->said, "administrators: withdrawn"));
}

static void as_it_was_gives_back_what_it_gave(void **state)
{
    struct scene *scene = *state;
    issue(scene, "alice", 1);
    back_up(scene, "a.db");
    withdraw(scene, "alice");
    issue(scene, "bob", 2);
    back_up(scene, "b.db");
    gateway_stop(scene);
    scene->as_it_was = true;
    restore(scene, "a.db");
    assert_int_equal(role_of(scene, "alice", 1), ADMINISTRATOR_ADMIN);
    assert_true(state_was_restored(&scene->opened, scene->opened.store));
    state_close(&scene->opened);
    /* and the newer one back: what it says was decided last */
    scene->as_it_was = false;
    restore(scene, "b.db");
    assert_int_equal(role_of(scene, "alice", 1), ADMINISTRATOR_NOBODY);
    assert_int_equal(role_of(scene, "bob", 2), ADMINISTRATOR_ADMIN);
    assert_null(strstr(scene->said, "administrators: withdrawn"));
}

/* The same file again, by hand, when more was decided: the note is of another moment. */
static void the_note_of_a_restore_holds_for_that_moment_only(void **state)
{
    struct scene *scene = *state;
    struct oc_error err;
    issue(scene, "alice", 1);
    assert_false(state_was_restored(&scene->opened, scene->opened.store));
    back_up(scene, "a.db");
    withdraw(scene, "alice");
    gateway_stop(scene);
    restore(scene, "a.db");
    assert_true(state_was_restored(&scene->opened, scene->opened.store));
    /* a refused call is audited behind it */
    const struct audit_event denied = {.at_ms = NOW_MS, .action = "denied", .outcome = "denied"};
    const struct store_change change = {.audit = &denied, .now_ms = NOW_MS};
    uint64_t seq;
    assert_int_equal(store_begin(scene->opened.store, &err), OC_OK);
    assert_int_equal(store_apply(scene->opened.store, &change, &seq, &err), OC_OK);
    assert_int_equal(store_commit(scene->opened.store, &err), OC_OK);
    assert_true(state_was_restored(&scene->opened, scene->opened.store));
    struct store_identity later;
    assert_int_equal(marker_read(scene->opened.marker_path, &later, &err), OC_OK);
    later.seq++;
    assert_int_equal(marker_write(scene->opened.marker_path, &later, &err), OC_OK);
    assert_false(state_was_restored(&scene->opened, scene->opened.store));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(what_was_taken_from_administrators_stays_taken),
        CASE(what_was_decided_of_administrators_is_told_with_what_is_lost),
        CASE(a_brought_certificate_that_was_revoked_is_not_brought_again),
        CASE(a_row_that_is_not_authentic_vouches_for_nobody),
        CASE(who_was_never_registered_and_is_revoked_stays_so),
        CASE(what_a_row_that_is_not_authentic_bars_stays_barred),
        CASE(a_backup_that_is_not_authentic_hides_no_revocation),
        CASE(without_the_present_nobody_comes_in_and_it_stays_locked),
        CASE(the_newest_backup_keeps_administrators_as_they_were),
        CASE(as_it_was_gives_back_what_it_gave),
        CASE(the_note_of_a_restore_holds_for_that_moment_only),
#undef CASE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
