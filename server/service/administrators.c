/* See administrators.h: the table. A call's look-up is one binary search under a mutex of its own.
 */
#include "server/service/administrators.h"

#include <stdlib.h>
#include <string.h>

#include "server/obs/log.h"
#include "server/service/administrators_state.h"
#include "server/service/externals.h"

struct member {
    struct administrator administrator;
    int64_t last_seen_ms;
    int n_online; /* connections */
};

struct reference {
    struct oc_digest sha256;
    struct member *member;
    size_t at; /* of the certificate */
};

struct administrators {
    pthread_mutex_t lock;                        /* a leaf; guards members and references */
    struct member *members[ADMINISTRATORS_ROWS]; /* by name */
    size_t n_members;
    struct reference references[ADMINISTRATORS_ROWS * ADMINISTRATOR_CERTIFICATES]; /* by sha256 */
    size_t n_references;
    struct member *spare; /* the writer's: room for one more */

    pthread_mutex_t ca_lock; /* a leaf; guards the CA, which the writer alone replaces */
    struct oc_admin_ca *ca;

    /* Set once, before any change. */
    administrators_changed_fn changed;
    void *changed_user;

    /* The writer's. */
    struct unsaved_administrator *first_unsaved;
    atomic_uint_least64_t n_unsaved; /* of them; read by anybody */
};

const char *administrators_standing_name(enum administrators_standing standing)
{
    switch (standing) {
    case ADMINISTRATORS_ALLOWED:
        return "allowed";
    case ADMINISTRATORS_UNKNOWN:
        return "unknown";
    case ADMINISTRATORS_REVOKED:
        return "revoked";
    case ADMINISTRATORS_EXPIRED:
        return "expired";
    case ADMINISTRATORS_UNMAPPED:
        return "unmapped";
    case ADMINISTRATORS_LOCKED:
        return "locked";
    }
    return "unknown";
}

/* ---- life ---------------------------------------------------------------------------------- */

struct administrators *administrators_new(struct oc_admin_ca *ca)
{
    struct administrators *all = calloc(1, sizeof *all);
    if (!all) {
        oc_admin_ca_free(ca);
        return NULL;
    }
    pthread_mutex_init(&all->lock, NULL);
    pthread_mutex_init(&all->ca_lock, NULL);
    all->ca = ca;
    return all;
}

void administrators_free(struct administrators *all)
{
    if (!all) {
        return;
    }
    for (size_t i = 0; i < all->n_members; i++) {
        free(all->members[i]);
    }
    while (all->first_unsaved) {
        struct unsaved_administrator *unsaved = all->first_unsaved;
        all->first_unsaved = unsaved->next;
        free(unsaved);
    }
    free(all->spare);
    oc_admin_ca_free(all->ca);
    pthread_mutex_destroy(&all->lock);
    pthread_mutex_destroy(&all->ca_lock);
    free(all);
}

/* ---- finding, under the lock ----------------------------------------------------------------- */

/* The place of the name, or where it belongs. */
static size_t find_place(const struct administrators *all, const char *name, bool *is_there)
{
    size_t low = 0;
    size_t high = all->n_members;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (strcmp(all->members[middle]->administrator.name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *is_there = low < all->n_members && strcmp(all->members[low]->administrator.name, name) == 0;
    return low;
}

static struct member *find_member(const struct administrators *all, const char *name)
{
    bool is_there;
    const size_t place = find_place(all, name, &is_there);
    return is_there ? all->members[place] : NULL;
}

static int by_digest(const void *a, const void *b)
{
    const struct reference *left = a;
    const struct reference *right = b;
    return memcmp(left->sha256.bytes, right->sha256.bytes, sizeof left->sha256.bytes);
}

static const struct reference *find_reference(const struct administrators *all,
                                              const struct oc_digest *sha256)
{
    const struct reference like = {.sha256 = *sha256};
    return bsearch(&like, all->references, all->n_references, sizeof like, by_digest);
}

static void index_again(struct administrators *all)
{
    all->n_references = 0;
    for (size_t i = 0; i < all->n_members; i++) {
        struct member *member = all->members[i];
        for (size_t k = 0; k < member->administrator.n_certificates; k++) {
            all->references[all->n_references++] = (struct reference){
                .sha256 = member->administrator.certificates[k].sha256, .member = member, .at = k};
        }
    }
    qsort(all->references, all->n_references, sizeof all->references[0], by_digest);
}

/* ---- who may do what ------------------------------------------------------------------------- */

static enum administrators_standing standing_of(const struct reference *found, int64_t now_ms)
{
    if (!found || found->member->administrator.is_quarantined) {
        return ADMINISTRATORS_UNKNOWN;
    }
    const struct administrator *administrator = &found->member->administrator;
    const struct administrator_certificate *certificate = &administrator->certificates[found->at];
    if (administrator->is_revoked || certificate->revoked_ms != 0) {
        return ADMINISTRATORS_REVOKED;
    }
    return administrator_certificate_is_in_force(certificate, now_ms) ? ADMINISTRATORS_ALLOWED
                                                                      : ADMINISTRATORS_EXPIRED;
}

/* What is revoked was written down, by name or by certificate. Under the lock. */
static bool is_barred(const struct administrators *all, const char *name,
                      const struct oc_digest *certificate, enum administrators_standing *standing)
{
    const struct reference *found = find_reference(all, certificate);
    const struct member *member = name[0] != '\0' ? find_member(all, name) : NULL;
    const bool is_revoked =
        (found && found->member->administrator.certificates[found->at].revoked_ms != 0) ||
        (member && member->administrator.is_revoked);
    const bool is_in_doubt = (found && found->member->administrator.is_quarantined) ||
                             (member && member->administrator.is_quarantined);
    *standing = is_revoked ? ADMINISTRATORS_REVOKED : ADMINISTRATORS_UNKNOWN;
    return is_revoked || is_in_doubt;
}

static enum administrators_standing look_up_external(struct service *service,
                                                     const struct oc_digest *certificate,
                                                     enum administrator_role *role)
{
    static const enum administrators_standing standings[] = {
        [EXTERNALS_UNKNOWN] = ADMINISTRATORS_UNKNOWN,
        [EXTERNALS_UNMAPPED] = ADMINISTRATORS_UNMAPPED,
        [EXTERNALS_EXPIRED] = ADMINISTRATORS_EXPIRED,
        [EXTERNALS_MAPPED] = ADMINISTRATORS_ALLOWED,
    };
    struct administrators *all = service->administrators;
    struct externals_rights rights;
    enum administrators_standing barred;
    const enum externals_standing standing =
        externals_look_up(service->externals, certificate, service_now_ms(service), &rights);
    pthread_mutex_lock(&all->lock);
    const bool may_not = is_barred(all, rights.name, certificate, &barred);
    pthread_mutex_unlock(&all->lock);
    if (may_not) {
        return barred;
    }
    *role = rights.role;
    return standings[standing];
}

enum administrators_standing administrators_look_up(struct service *service,
                                                    const struct oc_digest *certificate,
                                                    enum administrator_role *role)
{
    struct administrators *all = service->administrators;
    const int64_t now_ms = service_now_ms(service);
    *role = ADMINISTRATOR_NOBODY;
    if (service_is_locked(service)) {
        return ADMINISTRATORS_LOCKED;
    }
    if (externals_are_on(service->externals)) {
        return look_up_external(service, certificate, role);
    }
    pthread_mutex_lock(&all->lock);
    const struct reference *found = find_reference(all, certificate);
    const enum administrators_standing standing = standing_of(found, now_ms);
    if (standing == ADMINISTRATORS_ALLOWED) {
        *role = found->member->administrator.role;
    }
    pthread_mutex_unlock(&all->lock);
    return standing;
}

void administrators_note_online(struct service *service, const char *name, int change)
{
    struct administrators *all = service->administrators;
    pthread_mutex_lock(&all->lock);
    struct member *member = find_member(all, name);
    if (member && member->n_online + change >= 0) {
        member->n_online += change;
    }
    pthread_mutex_unlock(&all->lock);
}

void administrators_note_certificate(struct service *service,
                                     const struct oc_admin_certificate *certificate, int change)
{
    externals_note_online(service->externals, certificate, change, service_now_ms(service));
}

void administrators_note_seen(struct service *service, const char *name)
{
    struct administrators *all = service->administrators;
    const int64_t now_ms = service_now_ms(service);
    pthread_mutex_lock(&all->lock);
    struct member *member = find_member(all, name);
    if (member) {
        member->last_seen_ms = now_ms;
    }
    pthread_mutex_unlock(&all->lock);
}

enum oc_admin_verdict administrators_judge(void *user, const struct oc_bytes *sent, size_t n_sent,
                                           struct oc_admin_certificate *out)
{
    struct service *service = user;
    struct administrators *all = service->administrators;
    const int64_t now_ms = service_now_ms(service);
    if (externals_are_on(service->externals)) {
        return externals_judge(service->externals, sent, n_sent, now_ms, out);
    }
    pthread_mutex_lock(&all->ca_lock);
    const enum oc_admin_verdict verdict =
        all->ca ? oc_admin_certificate_judge(all->ca, sent, n_sent, now_ms, out)
                : OC_ADMIN_OTHER_CA;
    pthread_mutex_unlock(&all->ca_lock);
    return verdict;
}

void administrators_set_watcher(struct service *service, administrators_changed_fn changed,
                                void *user)
{
    service->administrators->changed = changed;
    service->administrators->changed_user = user;
}

unsigned administrators_tell(struct service *service, void *origin)
{
    const struct administrators *all = service->administrators;
    return all->changed ? all->changed(all->changed_user, origin) : 0;
}

/* ---- the CA ---------------------------------------------------------------------------------- */

const struct oc_admin_ca *administrators_ca(struct service *service)
{
    return service->administrators->ca;
}

void administrators_set_ca(struct service *service, struct oc_admin_ca *ca)
{
    struct administrators *all = service->administrators;
    pthread_mutex_lock(&all->ca_lock);
    struct oc_admin_ca *old = all->ca;
    all->ca = ca;
    pthread_mutex_unlock(&all->ca_lock);
    oc_admin_ca_free(old);
}

static void copy_ca(void *user, const struct oc_admin_ca *ca)
{
    struct administrators_ca *out = user;
    const struct oc_bytes der = oc_admin_ca_certificate(ca);
    out->is_there = true;
    out->n = der.n < sizeof out->der ? der.n : sizeof out->der;
    memcpy(out->der, der.data, out->n);
    out->sha256 = oc_admin_ca_sha256(ca);
    out->not_before_ms = oc_admin_ca_not_before_ms(ca);
    out->not_after_ms = oc_admin_ca_not_after_ms(ca);
    out->can_sign = oc_admin_ca_can_sign(ca);
}

void administrators_get_ca(struct service *service, struct administrators_ca *out)
{
    struct administrators *all = service->administrators;
    *out = (struct administrators_ca){.is_there = false};
    if (externals_are_on(service->externals)) {
        (void)externals_read_ca(service->externals, copy_ca, out);
        return;
    }
    pthread_mutex_lock(&all->ca_lock);
    if (all->ca) {
        copy_ca(out, all->ca);
    }
    pthread_mutex_unlock(&all->ca_lock);
}

unsigned administrators_change_external(struct service *service,
                                        const struct administrators_external *wanted)
{
    if (wanted->keeps_ca) {
        externals_change_map(service->externals, wanted->map);
    } else {
        externals_change(service->externals, wanted->is_on, wanted->ca, wanted->map);
    }
    return administrators_tell(service, NULL);
}

/* ---- reading --------------------------------------------------------------------------------- */

bool administrators_read(struct service *service, const char *name, struct administrator *out)
{
    struct administrators *all = service->administrators;
    pthread_mutex_lock(&all->lock);
    const struct member *member = find_member(all, name);
    if (member) {
        *out = member->administrator;
    } else {
        memset(out, 0, sizeof *out);
    }
    pthread_mutex_unlock(&all->lock);
    return member != NULL;
}

bool administrators_read_holder(struct service *service, const struct oc_digest *certificate,
                                struct administrator *out)
{
    struct administrators *all = service->administrators;
    pthread_mutex_lock(&all->lock);
    const struct reference *found = find_reference(all, certificate);
    if (found) {
        *out = found->member->administrator;
    } else {
        memset(out, 0, sizeof *out);
    }
    pthread_mutex_unlock(&all->lock);
    return found != NULL;
}

static void fill_view(const struct member *member, int64_t now_ms, struct administrator_view *out)
{
    out->administrator = member->administrator;
    out->state = administrator_state(&member->administrator, now_ms);
    out->last_seen_ms = member->last_seen_ms;
    out->is_online = member->n_online > 0;
}

void administrators_view(struct service *service, const char *name, struct administrator_view *out)
{
    struct administrators *all = service->administrators;
    const int64_t now_ms = service_now_ms(service);
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&all->lock);
    const struct member *member = find_member(all, name);
    if (member) {
        fill_view(member, now_ms, out);
    }
    pthread_mutex_unlock(&all->lock);
}

void administrators_each(struct service *service, administrators_visit_fn visit, void *user)
{
    struct administrators *all = service->administrators;
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < all->n_members; i++) {
        visit(user, &all->members[i]->administrator);
    }
    pthread_mutex_unlock(&all->lock);
}

bool administrators_view_next(struct service *service, const char *after,
                              struct administrator_view *out)
{
    struct administrators *all = service->administrators;
    const int64_t now_ms = service_now_ms(service);
    bool is_there;
    pthread_mutex_lock(&all->lock);
    size_t place = find_place(all, after, &is_there);
    place += is_there;
    const bool has_one = place < all->n_members;
    if (has_one) {
        fill_view(all->members[place], now_ms, out);
    }
    pthread_mutex_unlock(&all->lock);
    return has_one;
}

/* ---- publishing: the writer ------------------------------------------------------------------ */

bool administrators_has_room(struct service *service, const char *name)
{
    struct administrators *all = service->administrators;
    pthread_mutex_lock(&all->lock);
    const struct member *member = find_member(all, name);
    const bool has_room =
        !member || administrator_has_room(&member->administrator, service_now_ms(service));
    pthread_mutex_unlock(&all->lock);
    return has_room;
}

bool administrators_reserve(struct service *service, const char *name, size_t most)
{
    struct administrators *all = service->administrators;
    pthread_mutex_lock(&all->lock);
    const bool is_known = find_member(all, name) != NULL;
    const bool has_place = is_known || all->n_members < most;
    pthread_mutex_unlock(&all->lock);
    if (!is_known && !all->spare) {
        all->spare = calloc(1, sizeof *all->spare);
    }
    return has_place && (is_known || all->spare);
}

/* Under the lock. */
static struct member *insert(struct administrators *all, size_t place)
{
    struct member *member = all->spare;
    all->spare = NULL;
    memmove(&all->members[place + 1], &all->members[place],
            (all->n_members - place) * sizeof all->members[0]);
    all->members[place] = member;
    all->n_members++;
    return member;
}

void administrators_publish(struct service *service, const struct administrator *administrator)
{
    struct administrators *all = service->administrators;
    bool is_there;
    pthread_mutex_lock(&all->lock);
    const size_t place = find_place(all, administrator->name, &is_there);
    struct member *member = is_there ? all->members[place] : insert(all, place);
    member->administrator = *administrator;
    index_again(all);
    pthread_mutex_unlock(&all->lock);
}

/* ---- loading --------------------------------------------------------------------------------- */

struct loading {
    struct service *service;
    struct member *members[ADMINISTRATORS_ROWS];
    struct member *old[ADMINISTRATORS_ROWS]; /* that they take the place of */
    size_t n;
};

/* What was withdrawn and is not on disk counts more than what is. */
static const struct administrator *newest_of(struct service *service,
                                             const struct administrator *found)
{
    const struct administrator *newest = found;
    for (struct unsaved_administrator *each = service->administrators->first_unsaved; each;
         each = each->next) {
        if (strcmp(each->administrator.name, found->name) != 0) {
            continue;
        }
        each->is_saved = each->administrator.generation <= found->generation;
        if (each->administrator.generation > newest->generation) {
            newest = &each->administrator;
        }
    }
    return newest;
}

static enum oc_status load_one(void *user, const struct administrator *found)
{
    struct loading *loading = user;
    struct member *member = calloc(1, sizeof *member);
    if (!member || loading->n == ADMINISTRATORS_ROWS) {
        free(member);
        return OC_RESOURCE_EXHAUSTED;
    }
    member->administrator = *newest_of(loading->service, found);
    loading->members[loading->n++] = member;
    if (found->is_quarantined) {
        log_error("administrator.quarantined", "reason=%s fix=%s administrator=%s",
                  "the row is not as this gateway wrote it: this administrator may do nothing",
                  "openclaw pki revoke NAME, then openclaw pki issue NAME --role ROLE",
                  found->name);
    }
    return OC_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct member *const *left = a;
    const struct member *const *right = b;
    return strcmp((*left)->administrator.name, (*right)->administrator.name);
}

static struct member *find_loaded(const struct loading *loading, const char *name)
{
    for (size_t i = 0; i < loading->n; i++) {
        if (strcmp(loading->members[i]->administrator.name, name) == 0) {
            return loading->members[i];
        }
    }
    return NULL;
}

/* Of another CA a revocation makes the row: one that is not on disk has none there. */
static enum oc_status load_unsaved(struct loading *loading)
{
    for (const struct unsaved_administrator *each = loading->service->administrators->first_unsaved;
         each; each = each->next) {
        struct member *member = find_loaded(loading, each->administrator.name);
        if (!member && loading->n < ADMINISTRATORS_ROWS) {
            member = loading->members[loading->n] = calloc(1, sizeof *member);
            loading->n += member != NULL;
        }
        if (!member) {
            return OC_RESOURCE_EXHAUSTED;
        }
        if (each->administrator.generation > member->administrator.generation) {
            member->administrator = each->administrator;
        }
    }
    qsort(loading->members, loading->n, sizeof loading->members[0], by_name);
    return OC_OK;
}

static void free_members(struct member **members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(members[i]);
    }
}

/* What is known of connections goes over. Under the lock. */
static void inherit(const struct administrators *all, struct member *member)
{
    const struct member *old = find_member(all, member->administrator.name);
    if (old) {
        member->last_seen_ms = old->last_seen_ms;
        member->n_online = old->n_online;
    }
}

static void take_over(struct administrators *all, struct loading *loading)
{
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < loading->n; i++) {
        inherit(all, loading->members[i]);
    }
    const size_t n_old = all->n_members;
    memcpy(loading->old, all->members, n_old * sizeof loading->old[0]);
    memcpy(all->members, loading->members, loading->n * sizeof all->members[0]);
    all->n_members = loading->n;
    index_again(all);
    pthread_mutex_unlock(&all->lock);
    free_members(loading->old, n_old);
}

static void drop_saved(struct administrators *all)
{
    struct unsaved_administrator **link = &all->first_unsaved;
    while (*link) {
        struct unsaved_administrator *unsaved = *link;
        if (unsaved->is_saved) {
            *link = unsaved->next;
            free(unsaved);
            atomic_fetch_sub(&all->n_unsaved, 1);
        } else {
            link = &unsaved->next;
        }
    }
}

enum oc_status administrators_load(struct service *service, struct store *store,
                                   struct oc_error *err)
{
    struct loading *loading = calloc(1, sizeof *loading);
    if (!loading) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "service: out of memory while loading");
    }
    loading->service = service;
    enum oc_status st = store_load_administrators(store, load_one, loading, err);
    st = st ? st : load_unsaved(loading);
    if (st) {
        free_members(loading->members, loading->n);
        if (st == OC_RESOURCE_EXHAUSTED) {
            st = oc_fail(err, st, "service: out of memory, or more than %d administrators",
                         ADMINISTRATORS_ROWS);
        }
    } else {
        take_over(service->administrators, loading);
        drop_saved(service->administrators);
        (void)administrators_tell(service, NULL);
    }
    free(loading);
    return st;
}

/* ---- withdrawals that are not on disk -------------------------------------------------------- */

void administrators_keep_unsaved(struct service *service, struct unsaved_administrator *unsaved)
{
    struct unsaved_administrator **end = &service->administrators->first_unsaved;
    while (*end) {
        end = &(*end)->next;
    }
    unsaved->next = NULL;
    *end = unsaved;
    atomic_fetch_add(&service->administrators->n_unsaved, 1);
    log_error("withdrawal.not_durable", "administrator=%s action=%s", unsaved->administrator.name,
              unsaved->action);
}

uint64_t administrators_n_unsaved(struct service *service)
{
    return atomic_load(&service->administrators->n_unsaved);
}

struct unsaved_administrator *administrators_first_unsaved(struct service *service)
{
    return service->administrators->first_unsaved;
}

void administrators_drop_first_unsaved(struct service *service)
{
    struct unsaved_administrator *unsaved = service->administrators->first_unsaved;
    service->administrators->first_unsaved = unsaved->next;
    atomic_fetch_sub(&service->administrators->n_unsaved, 1);
    log_info("withdrawal.durable", "administrator=%s action=%s", unsaved->administrator.name,
             unsaved->action);
    free(unsaved);
}

void administrators_finish(struct service *service)
{
    if (administrators_retry(service)) {
        return;
    }
    for (const struct unsaved_administrator *each = service->administrators->first_unsaved; each;
         each = each->next) {
        log_error("withdrawal.lost", "administrator=%s action=%s fix=%s", each->administrator.name,
                  each->action, "the disk never took it: repeat it after the next start");
    }
}
