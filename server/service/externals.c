/* See externals.h. */
#include "server/service/externals.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct holder {
    bool is_used;
    struct oc_admin_certificate certificate;
    int64_t seen_ms;
    int n_online;
};

struct externals {
    pthread_mutex_t lock; /* a leaf; guards what follows */
    bool is_on;
    struct oc_digest ca_sha256; /* of the CA in force, and until when it is; zeros: none */
    int64_t ca_not_after_ms;
    struct administrator_map map;
    struct holder holders[EXTERNALS_MAX];

    pthread_mutex_t ca_lock; /* guards the CA: held while a certificate is judged; comes before
                                the other */
    struct oc_admin_ca *ca;
};

struct externals *externals_new(void)
{
    struct externals *externals = calloc(1, sizeof *externals);
    if (externals) {
        pthread_mutex_init(&externals->lock, NULL);
        pthread_mutex_init(&externals->ca_lock, NULL);
    }
    return externals;
}

void externals_free(struct externals *externals)
{
    if (externals) {
        oc_admin_ca_free(externals->ca);
        pthread_mutex_destroy(&externals->lock);
        pthread_mutex_destroy(&externals->ca_lock);
        free(externals);
    }
}

void externals_change(struct externals *externals, bool is_on, struct oc_admin_ca *ca,
                      const struct administrator_map *map)
{
    pthread_mutex_lock(&externals->ca_lock);
    struct oc_admin_ca *old = externals->ca;
    externals->ca = ca;
    pthread_mutex_lock(&externals->lock);
    externals->is_on = is_on;
    externals->ca_sha256 = ca ? oc_admin_ca_sha256(ca) : (struct oc_digest){{0}};
    externals->ca_not_after_ms = ca ? oc_admin_ca_not_after_ms(ca) : 0;
    externals->map = *map;
    pthread_mutex_unlock(&externals->lock);
    pthread_mutex_unlock(&externals->ca_lock);
    oc_admin_ca_free(old);
}

void externals_change_map(struct externals *externals, const struct administrator_map *map)
{
    pthread_mutex_lock(&externals->lock);
    externals->map = *map;
    pthread_mutex_unlock(&externals->lock);
}

bool externals_are_on(struct externals *externals)
{
    pthread_mutex_lock(&externals->lock);
    const bool is_on = externals->is_on;
    pthread_mutex_unlock(&externals->lock);
    return is_on;
}

bool externals_read_ca(struct externals *externals,
                       void (*read)(void *user, const struct oc_admin_ca *ca), void *user)
{
    pthread_mutex_lock(&externals->ca_lock);
    const bool has_one = externals->ca != NULL;
    if (has_one) {
        read(user, externals->ca);
    }
    pthread_mutex_unlock(&externals->ca_lock);
    return has_one;
}

/* ---- the handshake --------------------------------------------------------------------------- */

static bool is_mapped(struct externals *externals, const char *uri)
{
    pthread_mutex_lock(&externals->lock);
    const bool is_mapped = administrator_map_find(&externals->map, uri) != NULL;
    pthread_mutex_unlock(&externals->lock);
    return is_mapped;
}

enum oc_admin_verdict externals_judge(struct externals *externals, const struct oc_bytes *sent,
                                      size_t n_sent, int64_t now_ms,
                                      struct oc_admin_certificate *out)
{
    pthread_mutex_lock(&externals->ca_lock);
    enum oc_admin_verdict verdict =
        externals->ca ? oc_admin_certificate_judge(externals->ca, sent, n_sent, now_ms, out)
                      : OC_ADMIN_OTHER_CA;
    pthread_mutex_unlock(&externals->ca_lock);
    return verdict == OC_ADMIN_ACCEPTED && !is_mapped(externals, out->name) ? OC_ADMIN_UNMAPPED
                                                                            : verdict;
}

/* ---- who is known ---------------------------------------------------------------------------- */

static bool is_same(const struct oc_digest *a, const struct oc_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* NULL: it is not known. Under the lock. */
static struct holder *find(struct externals *externals, const struct oc_digest *certificate)
{
    for (size_t i = 0; i < EXTERNALS_MAX; i++) {
        struct holder *each = &externals->holders[i];
        if (each->is_used && is_same(&each->certificate.sha256, certificate)) {
            return each;
        }
    }
    return NULL;
}

/* A free place, or that of the one without a connection who was seen longest ago; there are more
 * places than connections may be. Under the lock. */
static struct holder *find_place(struct externals *externals)
{
    struct holder *oldest = NULL;
    for (size_t i = 0; i < EXTERNALS_MAX; i++) {
        struct holder *each = &externals->holders[i];
        if (!each->is_used) {
            return each;
        }
        if (each->n_online == 0 && (!oldest || each->seen_ms < oldest->seen_ms)) {
            oldest = each;
        }
    }
    return oldest;
}

static struct holder *remember(struct externals *externals,
                               const struct oc_admin_certificate *certificate)
{
    struct holder *place = find_place(externals);
    if (place) {
        *place = (struct holder){.is_used = true, .certificate = *certificate};
    }
    return place;
}

void externals_note_online(struct externals *externals,
                           const struct oc_admin_certificate *certificate, int change,
                           int64_t now_ms)
{
    pthread_mutex_lock(&externals->lock);
    struct holder *holder = find(externals, &certificate->sha256);
    if (!holder && change > 0 && externals->is_on) {
        holder = remember(externals, certificate);
    }
    if (holder && holder->n_online + change >= 0) {
        if (change > 0) {
            holder->certificate = *certificate; /* judged anew: by another CA, perhaps */
        }
        holder->n_online += change;
        holder->seen_ms = now_ms;
    }
    pthread_mutex_unlock(&externals->lock);
}

/* Under the lock. */
static enum externals_standing look_up(struct externals *externals, const struct holder *holder,
                                       int64_t now_ms, struct externals_rights *out)
{
    if (!holder || !is_same(&holder->certificate.ca_sha256, &externals->ca_sha256)) {
        return EXTERNALS_UNKNOWN;
    }
    memcpy(out->name, holder->certificate.name, sizeof out->name);
    if (now_ms > holder->certificate.not_after_ms || now_ms > externals->ca_not_after_ms ||
        now_ms < holder->certificate.not_before_ms) {
        return EXTERNALS_EXPIRED;
    }
    const struct administrator_mapping *mapping =
        administrator_map_find(&externals->map, holder->certificate.name);
    if (!mapping) {
        return EXTERNALS_UNMAPPED;
    }
    out->role = mapping->role;
    memcpy(out->bound, mapping->bound, sizeof out->bound);
    return EXTERNALS_MAPPED;
}

enum externals_standing externals_look_up(struct externals *externals,
                                          const struct oc_digest *certificate, int64_t now_ms,
                                          struct externals_rights *out)
{
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&externals->lock);
    const enum externals_standing standing =
        externals->is_on ? look_up(externals, find(externals, certificate), now_ms, out)
                         : EXTERNALS_UNKNOWN;
    pthread_mutex_unlock(&externals->lock);
    return standing;
}

bool externals_read_holder(struct externals *externals, const struct oc_digest *certificate,
                           struct oc_admin_certificate *out)
{
    pthread_mutex_lock(&externals->lock);
    const struct holder *holder = find(externals, certificate);
    if (holder) {
        *out = holder->certificate;
    }
    pthread_mutex_unlock(&externals->lock);
    return holder != NULL;
}

bool externals_know_name(struct externals *externals, const char *name)
{
    bool is_known = false;
    pthread_mutex_lock(&externals->lock);
    for (size_t i = 0; i < EXTERNALS_MAX && !is_known; i++) {
        const struct holder *each = &externals->holders[i];
        is_known = each->is_used && strcmp(each->certificate.name, name) == 0;
    }
    pthread_mutex_unlock(&externals->lock);
    return is_known;
}

/* ---- telling --------------------------------------------------------------------------------- */

/* Under the lock. */
static const char *next_name(struct externals *externals, const char *after, int64_t now_ms)
{
    const char *next = NULL;
    for (size_t i = 0; i < EXTERNALS_MAX; i++) {
        const struct holder *each = &externals->holders[i];
        const char *name = each->certificate.name;
        struct externals_rights rights;
        memset(&rights, 0, sizeof rights);
        if (each->is_used && strcmp(name, after) > 0 && (!next || strcmp(name, next) < 0) &&
            look_up(externals, each, now_ms, &rights) == EXTERNALS_MAPPED) {
            next = name;
        }
    }
    return next;
}

static void add_certificate(struct externals_view *view, const struct holder *holder)
{
    struct administrator *it = &view->administrator;
    view->is_online = view->is_online || holder->n_online > 0;
    if (holder->seen_ms > view->last_seen_ms) {
        view->last_seen_ms = holder->seen_ms;
    }
    if (it->n_certificates == ADMINISTRATOR_CERTIFICATES) {
        return;
    }
    struct administrator_certificate *added = &it->certificates[it->n_certificates++];
    const struct oc_admin_certificate *said = &holder->certificate;
    added->sha256 = said->sha256;
    added->spki_sha256 = said->spki_sha256;
    memcpy(added->serial, said->serial, sizeof added->serial);
    added->n_serial = said->n_serial;
    added->not_before_ms = said->not_before_ms;
    added->not_after_ms = said->not_after_ms;
}

/* Under the lock. */
static void fill_view(struct externals *externals, const char *name, int64_t now_ms,
                      struct externals_view *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->administrator.name, name, sizeof out->administrator.name);
    for (size_t i = 0; i < EXTERNALS_MAX; i++) {
        const struct holder *each = &externals->holders[i];
        struct externals_rights rights;
        memset(&rights, 0, sizeof rights);
        if (each->is_used && strcmp(each->certificate.name, name) == 0 &&
            look_up(externals, each, now_ms, &rights) == EXTERNALS_MAPPED) {
            out->administrator.role = rights.role;
            add_certificate(out, each);
        }
    }
}

bool externals_view_next(struct externals *externals, const char *after, int64_t now_ms,
                         struct externals_view *out)
{
    pthread_mutex_lock(&externals->lock);
    const char *name = externals->is_on ? next_name(externals, after, now_ms) : NULL;
    if (name) {
        fill_view(externals, name, now_ms, out);
    }
    pthread_mutex_unlock(&externals->lock);
    return name != NULL;
}
