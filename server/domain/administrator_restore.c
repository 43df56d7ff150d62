/* See administrator_restore.h. */
#include "server/domain/administrator_restore.h"

#include <string.h>

static bool is_in_force_or_to_come(const struct administrator_certificate *certificate,
                                   int64_t now_ms)
{
    return certificate->revoked_ms == 0 && now_ms <= certificate->not_after_ms;
}

/* The first that the present does not hold, or holds as revoked. One that has ended is of no use to
 * anybody, and is forgotten where room is needed: its absence says nothing. */
static const struct administrator_certificate *find_withdrawn(const struct administrator *older,
                                                              const struct administrator *present,
                                                              int64_t now_ms)
{
    for (size_t i = 0; i < older->n_certificates; i++) {
        const struct administrator_certificate *each = &older->certificates[i];
        const struct administrator_certificate *now =
            present ? administrator_find_certificate(present, &each->sha256) : NULL;
        if (is_in_force_or_to_come(each, now_ms) && (!now || now->revoked_ms != 0)) {
            return each;
        }
    }
    return NULL;
}

bool administrator_next_withdrawal(const struct administrator *older,
                                   const struct administrator *present, int64_t now_ms,
                                   struct administrator_event *out)
{
    const bool says_nothing = !present || present->is_quarantined;
    const struct administrator_certificate *withdrawn =
        find_withdrawn(older, says_nothing ? NULL : present, now_ms);
    memset(out, 0, sizeof *out);
    memcpy(out->name, older->name, sizeof out->name);
    if (older->is_quarantined || older->is_revoked) {
        return false; /* may nothing as it is */
    }
    if (says_nothing) {
        out->kind = ADMINISTRATOR_EV_VOID;
        return withdrawn != NULL;
    }
    if (present->is_revoked) {
        out->kind = ADMINISTRATOR_EV_REVOKE;
        return true;
    }
    if (withdrawn) {
        out->kind = ADMINISTRATOR_EV_REVOKE_CERTIFICATE;
        out->sha256 = withdrawn->sha256;
        return true;
    }
    out->kind = ADMINISTRATOR_EV_SET_ROLE;
    out->role = present->role;
    return present->role < older->role;
}

/* ---- what can be brought again --------------------------------------------------------------- */

static bool make_place(struct administrator *out, int64_t now_ms)
{
    for (size_t i = out->n_certificates;
         i-- > 0 && out->n_certificates == ADMINISTRATOR_CERTIFICATES;) {
        const struct administrator_certificate *each = &out->certificates[i];
        if (now_ms > each->not_after_ms || (each->revoked_ms != 0 && each->n_der > 0)) {
            const size_t n_behind = out->n_certificates - i - 1;
            memmove(&out->certificates[i], &out->certificates[i + 1],
                    n_behind * sizeof out->certificates[0]);
            out->n_certificates--;
        }
    }
    return out->n_certificates < ADMINISTRATOR_CERTIFICATES;
}

static void revoke_whole(struct administrator *out, int64_t now_ms)
{
    out->is_revoked = true;
    for (size_t i = 0; i < out->n_certificates; i++) {
        struct administrator_certificate *each = &out->certificates[i];
        each->revoked_ms = each->revoked_ms != 0 ? each->revoked_ms : now_ms;
    }
}

static void add_revoked(struct administrator *out, const struct administrator_certificate *revoked,
                        int64_t now_ms)
{
    if (make_place(out, now_ms)) {
        out->certificates[out->n_certificates++] = *revoked;
    } else {
        revoke_whole(out, now_ms);
    }
}

/* Of a certificate in a row that somebody else wrote: the fingerprint alone, which bars nobody who
 * is not barred by the row as it is. */
static struct administrator_certificate barred(const struct administrator_certificate *in,
                                               int64_t now_ms)
{
    return (struct administrator_certificate){.sha256 = in->sha256,
                                              .n_serial = 1,
                                              .not_after_ms = ADMINISTRATOR_NO_END_MS,
                                              .issued_ms = now_ms,
                                              .revoked_ms = now_ms};
}

/* A row that failed authentication bars its name and its certificates: that stays so. */
static bool carry_quarantined(const struct administrator *present, int64_t now_ms,
                              struct administrator *out)
{
    bool has_carried = !out->is_revoked;
    revoke_whole(out, now_ms);
    for (size_t i = 0; i < present->n_certificates; i++) {
        const struct administrator_certificate each = barred(&present->certificates[i], now_ms);
        if (!administrator_find_certificate(out, &each.sha256)) {
            add_revoked(out, &each, now_ms);
            has_carried = true;
        }
    }
    return has_carried;
}

static bool carry_certificates(const struct administrator *present, int64_t now_ms,
                               struct administrator *out)
{
    bool has_carried = false;
    for (size_t i = 0; i < present->n_certificates; i++) {
        const struct administrator_certificate *each = &present->certificates[i];
        if (each->revoked_ms == 0 || each->n_der > 0 || now_ms > each->not_after_ms ||
            administrator_find_certificate(out, &each->sha256)) {
            continue;
        }
        add_revoked(out, each, now_ms);
        has_carried = true;
    }
    return has_carried;
}

/* The present's name, revoked, without a certificate. */
static void begin_revoked(const struct administrator *present, struct administrator *out)
{
    *out = *present;
    out->n_certificates = 0;
    out->is_revoked = true;
    if (present->is_quarantined) { /* what else its row says is somebody else's */
        *out = (struct administrator){
            .role = ADMINISTRATOR_VIEWER, .is_revoked = true, .generation = 1};
        memcpy(out->name, present->name, sizeof out->name);
    }
}

bool administrator_carry_revoked(const struct administrator *older,
                                 const struct administrator *present, int64_t now_ms,
                                 struct administrator *out)
{
    /* One that failed authentication says nothing, not even what is revoked. */
    const bool is_new = !older || older->is_quarantined;
    if (is_new) {
        begin_revoked(present, out);
    } else {
        *out = *older;
    }
    if (present->is_quarantined) {
        return carry_quarantined(present, now_ms, out) || is_new;
    }
    /* By name alone, it may be, with no certificate to tell of it. */
    return carry_certificates(present, now_ms, out) || (is_new && present->is_revoked);
}
