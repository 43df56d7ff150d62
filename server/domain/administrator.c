/* See administrator.h. */
#include "server/domain/administrator.h"

#include <string.h>

static const char *const role_names[ADMINISTRATOR_ROLE_COUNT] = {
    [ADMINISTRATOR_NOBODY] = "nobody",
    [ADMINISTRATOR_VIEWER] = "viewer",
    [ADMINISTRATOR_APPROVER] = "approver",
    [ADMINISTRATOR_ADMIN] = "admin",
};

static const char *const event_names[ADMINISTRATOR_EV_COUNT] = {
    [ADMINISTRATOR_EV_ISSUE] = "admin.issue",
    [ADMINISTRATOR_EV_RENEW] = "admin.renew",
    [ADMINISTRATOR_EV_REVOKE] = "admin.revoke",
    [ADMINISTRATOR_EV_REVOKE_CERTIFICATE] = "admin.revoke",
    [ADMINISTRATOR_EV_SET_ROLE] = "admin.role",
    [ADMINISTRATOR_EV_VOID] = "admin.void",
};

static const char *const outcome_names[ADMINISTRATOR_OUTCOME_COUNT] = {
    [ADMINISTRATOR_DONE] = "done",         [ADMINISTRATOR_NOT_KNOWN] = "not_known",
    [ADMINISTRATOR_EXISTS] = "exists",     [ADMINISTRATOR_IS_REVOKED] = "is_revoked",
    [ADMINISTRATOR_TOO_MANY] = "too_many", [ADMINISTRATOR_IS_QUARANTINED] = "is_quarantined",
};

static const char *const state_names[] = {
    [ADMINISTRATOR_ACTIVE] = "active",
    [ADMINISTRATOR_REVOKED] = "revoked",
    [ADMINISTRATOR_EXPIRED] = "expired",
};

const char *administrator_role_name(enum administrator_role role)
{
    return role < ADMINISTRATOR_ROLE_COUNT ? role_names[role] : "nobody";
}

const char *administrator_event_name(enum administrator_event_kind kind)
{
    return kind < ADMINISTRATOR_EV_COUNT ? event_names[kind] : "admin";
}

const char *administrator_outcome_name(enum administrator_outcome outcome)
{
    return outcome < ADMINISTRATOR_OUTCOME_COUNT ? outcome_names[outcome] : "refused";
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool is_same(const struct oc_digest *a, const struct oc_digest *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool has_ended(const struct administrator_certificate *certificate, int64_t now_ms)
{
    return now_ms > certificate->not_after_ms;
}

bool administrator_certificate_is_in_force(const struct administrator_certificate *certificate,
                                           int64_t now_ms)
{
    return certificate->revoked_ms == 0 && now_ms >= certificate->not_before_ms &&
           !has_ended(certificate, now_ms);
}

enum administrator_state administrator_state(const struct administrator *administrator,
                                             int64_t now_ms)
{
    bool has_revoked = administrator->is_revoked;
    for (size_t i = 0; i < administrator->n_certificates && !administrator->is_revoked; i++) {
        const struct administrator_certificate *each = &administrator->certificates[i];
        if (administrator_certificate_is_in_force(each, now_ms)) {
            return ADMINISTRATOR_ACTIVE;
        }
        has_revoked = has_revoked || (each->revoked_ms != 0 && !has_ended(each, now_ms));
    }
    return has_revoked ? ADMINISTRATOR_REVOKED : ADMINISTRATOR_EXPIRED;
}

const struct administrator_certificate *
administrator_find_certificate(const struct administrator *administrator,
                               const struct oc_digest *sha256)
{
    for (size_t i = 0; i < administrator->n_certificates; i++) {
        if (is_same(&administrator->certificates[i].sha256, sha256)) {
            return &administrator->certificates[i];
        }
    }
    return NULL;
}

const struct administrator_certificate *
administrator_find_key(const struct administrator *administrator, const struct oc_digest *spki,
                       int64_t now_ms)
{
    for (size_t i = 0; i < administrator->n_certificates; i++) {
        const struct administrator_certificate *each = &administrator->certificates[i];
        if (is_same(&each->spki_sha256, spki) &&
            administrator_certificate_is_in_force(each, now_ms)) {
            return each;
        }
    }
    return NULL;
}

static bool certificate_is_consistent(const struct administrator *administrator, size_t at)
{
    const struct administrator_certificate *it = &administrator->certificates[at];
    for (size_t i = 0; i < at; i++) {
        if (is_same(&administrator->certificates[i].sha256, &it->sha256)) {
            return false;
        }
    }
    return it->n_serial > 0 && it->n_serial <= ADMINISTRATOR_SERIAL_BYTES &&
           it->n_der <= ADMINISTRATOR_DER_BYTES && it->not_before_ms <= it->not_after_ms &&
           it->issued_ms > 0 && (it->revoked_ms > 0 || !administrator->is_revoked);
}

bool administrator_is_consistent(const struct administrator *administrator)
{
    bool is_consistent = administrator->name[0] != '\0' && administrator->generation > 0 &&
                         administrator->role > ADMINISTRATOR_NOBODY &&
                         administrator->role < ADMINISTRATOR_ROLE_COUNT &&
                         administrator->n_certificates <= ADMINISTRATOR_CERTIFICATES;
    for (size_t i = 0; is_consistent && i < administrator->n_certificates; i++) {
        is_consistent = certificate_is_consistent(administrator, i);
    }
    return is_consistent;
}

/* ---- deciding ------------------------------------------------------------------------------ */

struct step {
    const struct administrator *was;
    const struct administrator_event *event;
    int64_t now_ms;
    struct administrator_decision *out;
};

static void copy_text(char *out, size_t size, const char *in)
{
    const size_t n = strnlen(in, size - 1);
    memcpy(out, in, n);
    out[n] = '\0';
}

/* What was renewed with it counts as renewed with what it was renewed with itself: else whoever
 * stole a certificate could outlive its revocation, by links of a minute that are dropped in
 * between. */
static void drop_certificate(struct administrator *next, size_t at)
{
    const struct administrator_certificate gone = next->certificates[at];
    const size_t n_behind = next->n_certificates - at - 1;
    memmove(&next->certificates[at], &next->certificates[at + 1],
            n_behind * sizeof next->certificates[0]);
    next->n_certificates--;
    for (size_t i = 0; i < next->n_certificates; i++) {
        if (is_same(&next->certificates[i].renewed_with, &gone.sha256)) {
            next->certificates[i].renewed_with = gone.renewed_with;
        }
    }
}

/* Nothing of it matters any more: it has ended; or it was signed here and revoked, so that nobody
 * can bring it again. */
static bool may_give_way(const struct administrator_certificate *certificate, int64_t now_ms)
{
    return has_ended(certificate, now_ms) ||
           (certificate->revoked_ms != 0 && certificate->n_der > 0);
}

bool administrator_has_room(const struct administrator *administrator, int64_t now_ms)
{
    bool has_room = administrator->n_certificates < ADMINISTRATOR_CERTIFICATES;
    for (size_t i = 0; i < administrator->n_certificates && !has_room; i++) {
        has_room = may_give_way(&administrator->certificates[i], now_ms);
    }
    return has_room;
}

/* The oldest one that may. */
static bool make_room(struct administrator *next, int64_t now_ms)
{
    for (size_t i = next->n_certificates;
         i-- > 0 && next->n_certificates == ADMINISTRATOR_CERTIFICATES;) {
        if (may_give_way(&next->certificates[i], now_ms)) {
            drop_certificate(next, i);
        }
    }
    return next->n_certificates < ADMINISTRATOR_CERTIFICATES;
}

static enum administrator_outcome add_certificate(const struct step *step)
{
    struct administrator *next = &step->out->next;
    const struct administrator_certificate *known =
        administrator_find_certificate(next, &step->event->certificate.sha256);
    if (known) {
        return known->revoked_ms != 0 ? ADMINISTRATOR_IS_REVOKED : ADMINISTRATOR_DONE;
    }
    if (!make_room(next, step->now_ms)) {
        return ADMINISTRATOR_TOO_MANY;
    }
    memmove(&next->certificates[1], &next->certificates[0],
            next->n_certificates * sizeof next->certificates[0]);
    struct administrator_certificate *added = &next->certificates[0];
    *added = step->event->certificate;
    added->issued_ms = step->now_ms;
    added->revoked_ms = 0;
    added->revoked_by[0] = '\0';
    copy_text(added->issued_by, sizeof added->issued_by, step->event->actor.name);
    next->n_certificates++;
    step->out->changed = true;
    return ADMINISTRATOR_DONE;
}

static enum administrator_outcome issue(const struct step *step)
{
    struct administrator *next = &step->out->next;
    const bool is_known = step->was->name[0] != '\0';
    if (is_known && !step->was->is_quarantined &&
        administrator_state(step->was, step->now_ms) == ADMINISTRATOR_ACTIVE) {
        return ADMINISTRATOR_EXISTS;
    }
    if (step->was->is_quarantined) {
        next->n_certificates = 0; /* who knows what they were */
        next->is_quarantined = false;
    }
    if (!is_known) {
        copy_text(next->name, sizeof next->name, step->event->name);
        copy_text(next->created_by, sizeof next->created_by, step->event->actor.name);
        next->created_ms = step->now_ms;
    }
    const enum administrator_outcome outcome = add_certificate(step);
    if (outcome == ADMINISTRATOR_DONE) {
        next->role = step->event->role;
        next->is_revoked = false;
        step->out->changed = true;
    }
    return outcome;
}

static enum administrator_outcome renew(const struct step *step)
{
    static const struct oc_digest none;
    const struct oc_digest *with = &step->event->certificate.renewed_with;
    if (!is_same(with, &none)) {
        const struct administrator_certificate *own =
            administrator_find_certificate(step->was, with);
        if (!own || !administrator_certificate_is_in_force(own, step->now_ms)) {
            return ADMINISTRATOR_IS_REVOKED;
        }
    }
    return add_certificate(step);
}

static void revoke_one(const struct step *step, struct administrator_certificate *certificate)
{
    if (certificate->revoked_ms == 0) {
        certificate->revoked_ms = step->now_ms;
        copy_text(certificate->revoked_by, sizeof certificate->revoked_by, step->event->actor.name);
        step->out->changed = step->out->withdraws = true;
    }
}

static enum administrator_outcome revoke_all(const struct step *step)
{
    struct administrator *next = &step->out->next;
    /* What it says of a role, too, is somebody else's: only issuing anew gives one. */
    const bool is_whole = step->event->kind == ADMINISTRATOR_EV_REVOKE || next->is_quarantined;
    if (next->is_quarantined) {
        next->n_certificates = 0;
        next->is_quarantined = false;
        step->out->changed = step->out->withdraws = true;
    }
    for (size_t i = 0; i < next->n_certificates; i++) {
        revoke_one(step, &next->certificates[i]);
    }
    if (is_whole && !next->is_revoked) {
        next->is_revoked = true;
        step->out->changed = step->out->withdraws = true;
    }
    return ADMINISTRATOR_DONE;
}

/* What was renewed with a revoked certificate may be in the hands of whoever stole it. */
static bool was_renewed_with_revoked(const struct administrator *next,
                                     const struct administrator_certificate *certificate)
{
    const struct administrator_certificate *with =
        administrator_find_certificate(next, &certificate->renewed_with);
    return with && with->revoked_ms != 0;
}

static enum administrator_outcome revoke_certificate(const struct step *step)
{
    struct administrator *next = &step->out->next;
    bool is_known = false;
    for (size_t i = 0; i < next->n_certificates; i++) {
        if (is_same(&next->certificates[i].sha256, &step->event->sha256)) {
            revoke_one(step, &next->certificates[i]);
            is_known = true;
        }
    }
    for (size_t i = next->n_certificates; is_known && i-- > 0;) { /* older ones come last */
        if (was_renewed_with_revoked(next, &next->certificates[i])) {
            revoke_one(step, &next->certificates[i]);
        }
    }
    return is_known ? ADMINISTRATOR_DONE : ADMINISTRATOR_NOT_KNOWN;
}

/* A name that is kept for being revoked, or for a certificate that is. */
static void begin_external(const struct step *step)
{
    struct administrator *next = &step->out->next;
    if (next->name[0] == '\0') {
        copy_text(next->name, sizeof next->name, step->event->name);
        copy_text(next->created_by, sizeof next->created_by, step->event->actor.name);
        next->created_ms = step->now_ms;
        next->role = step->event->role;
    }
}

static enum administrator_outcome revoke_external(const struct step *step)
{
    begin_external(step);
    if (step->event->kind == ADMINISTRATOR_EV_REVOKE) {
        return revoke_all(step);
    }
    const enum administrator_outcome outcome = add_certificate(step); /* if it is not there yet */
    return outcome == ADMINISTRATOR_TOO_MANY ? outcome : revoke_certificate(step);
}

static enum administrator_outcome set_role(const struct step *step)
{
    struct administrator *next = &step->out->next;
    step->out->withdraws = step->event->role < next->role;
    step->out->changed = step->event->role != next->role;
    next->role = step->event->role;
    return ADMINISTRATOR_DONE;
}

static enum administrator_outcome decide(const struct step *step)
{
    const enum administrator_event_kind kind = step->event->kind;
    if (kind == ADMINISTRATOR_EV_ISSUE) {
        return issue(step);
    }
    if (step->event->is_external &&
        (kind == ADMINISTRATOR_EV_REVOKE || !step->was->is_quarantined)) {
        return revoke_external(step);
    }
    if (step->was->name[0] == '\0') {
        return ADMINISTRATOR_NOT_KNOWN;
    }
    if (kind == ADMINISTRATOR_EV_REVOKE || kind == ADMINISTRATOR_EV_VOID) {
        return revoke_all(step);
    }
    if (step->was->is_quarantined) {
        return ADMINISTRATOR_IS_QUARANTINED;
    }
    if (kind == ADMINISTRATOR_EV_REVOKE_CERTIFICATE) {
        return revoke_certificate(step);
    }
    if (step->was->is_revoked) {
        return ADMINISTRATOR_IS_REVOKED;
    }
    return kind == ADMINISTRATOR_EV_RENEW ? renew(step) : set_role(step);
}

/* ---- telling ------------------------------------------------------------------------------- */

static void add_text(char *out, size_t size, const char *piece)
{
    const size_t n = strlen(out);
    copy_text(out + n, size - n, piece);
}

static void add_digest(char *out, size_t size, const struct oc_digest *digest)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * OC_DIGEST_BYTES + 1];
    for (size_t i = 0; i < OC_DIGEST_BYTES; i++) {
        hex[2 * i] = digits[digest->bytes[i] >> 4];
        hex[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    hex[sizeof hex - 1] = '\0';
    add_text(out, size, hex);
}

static const char *word_of(const struct administrator *administrator, int64_t now_ms)
{
    if (administrator->name[0] == '\0') {
        return "none";
    }
    return administrator->is_quarantined ? "quarantined"
                                         : state_names[administrator_state(administrator, now_ms)];
}

/* "administrator=alice role=approver certificate=9f3c..." */
static void describe(const struct step *step, char *out, size_t size)
{
    const struct administrator_event *event = step->event;
    const enum administrator_role role =
        step->out->next.name[0] != '\0' ? step->out->next.role : event->role;
    add_text(out, size, "administrator=");
    add_text(out, size, event->name);
    add_text(out, size, " role=");
    add_text(out, size, administrator_role_name(role));
    if (event->kind == ADMINISTRATOR_EV_ISSUE || event->kind == ADMINISTRATOR_EV_RENEW) {
        add_text(out, size, " certificate=");
        add_digest(out, size, &event->certificate.sha256);
    } else if (event->kind == ADMINISTRATOR_EV_REVOKE_CERTIFICATE) {
        add_text(out, size, " certificate=");
        add_digest(out, size, &event->sha256);
    } else if (event->kind == ADMINISTRATOR_EV_SET_ROLE) {
        add_text(out, size, " was=");
        add_text(out, size, administrator_role_name(step->was->role));
    }
}

static void fill_audit(const struct step *step)
{
    struct audit_event *audit = &step->out->audit;
    *audit = (struct audit_event){.at_ms = step->now_ms, .actor = step->event->actor};
    copy_text(audit->action, sizeof audit->action, administrator_event_name(step->event->kind));
    copy_text(audit->outcome, sizeof audit->outcome,
              administrator_outcome_name(step->out->outcome));
    copy_text(audit->before, sizeof audit->before, word_of(step->was, step->now_ms));
    copy_text(audit->after, sizeof audit->after, word_of(&step->out->next, step->now_ms));
    memcpy(audit->reason, step->event->reason, sizeof audit->reason);
    describe(step, audit->detail, sizeof audit->detail);
}

void administrator_decide(const struct administrator *was, const struct administrator_event *event,
                          int64_t now_ms, struct administrator_decision *out)
{
    const struct step step = {.was = was, .event = event, .now_ms = now_ms, .out = out};
    out->changed = out->withdraws = false;
    out->next = *was;
    out->outcome = decide(&step);
    if (out->outcome != ADMINISTRATOR_DONE || !out->changed) {
        out->changed = out->withdraws = false;
        out->next = *was;
    } else {
        out->next.generation = was->generation + 1;
        out->next.decided_ms = now_ms;
        copy_text(out->next.decided_by, sizeof out->next.decided_by, event->actor.name);
    }
    fill_audit(&step);
}
