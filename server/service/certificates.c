/* See certificates.h. */
#include "server/service/certificates.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/obs/log.h"
#include "server/service/administrators_state.h"
#include "server/service/externals.h"

enum {
    TIME_BYTES = 24,
};

/* ---- looking --------------------------------------------------------------------------------- */

static bool is_ending(int64_t not_before_ms, int64_t not_after_ms, int64_t now_ms)
{
    const int64_t third_ms = (not_after_ms - not_before_ms) / 3;
    const int64_t before_ms = third_ms < CERTIFICATES_WARN_MS ? third_ms : CERTIFICATES_WARN_MS;
    return not_after_ms - now_ms <= before_ms;
}

/* Keeps the soonest, in order. */
static void add(struct certificate_ends *ends, const char *name, int64_t not_after_ms)
{
    size_t n = ends->n < CERTIFICATES_TOLD ? (size_t)ends->n : CERTIFICATES_TOLD;
    ends->n++;
    size_t place = n;
    while (place > 0 && ends->soonest[place - 1].not_after_ms > not_after_ms) {
        place--;
    }
    if (place == CERTIFICATES_TOLD) {
        return;
    }
    n = n < CERTIFICATES_TOLD ? n : CERTIFICATES_TOLD - 1;
    memmove(&ends->soonest[place + 1], &ends->soonest[place],
            (n - place) * sizeof ends->soonest[0]);
    struct certificate_end *it = &ends->soonest[place];
    memcpy(it->name, name, strnlen(name, sizeof it->name - 1) + 1);
    it->name[sizeof it->name - 1] = '\0';
    it->not_after_ms = not_after_ms;
}

struct looking {
    struct certificate_ends *out;
    int64_t now_ms;
};

static void look_at(void *user, const struct administrator *administrator)
{
    const struct looking *looking = user;
    const struct administrator_certificate *last = NULL;
    for (size_t i = 0; i < administrator->n_certificates; i++) {
        const struct administrator_certificate *each = &administrator->certificates[i];
        if (administrator_certificate_is_in_force(each, looking->now_ms) &&
            (!last || each->not_after_ms > last->not_after_ms)) {
            last = each;
        }
    }
    if (last && !administrator->is_quarantined &&
        is_ending(last->not_before_ms, last->not_after_ms, looking->now_ms)) {
        add(looking->out, administrator->name, last->not_after_ms);
    }
}

void certificates_look(struct service *service, struct certificate_ends *out)
{
    struct looking looking = {.out = out, .now_ms = service_now_ms(service)};
    struct administrators_ca ca;
    memset(out, 0, sizeof *out);
    administrators_get_ca(service, &ca);
    if (ca.is_there) {
        out->ca_not_after_ms = ca.not_after_ms;
        out->is_ca_ending = is_ending(ca.not_before_ms, ca.not_after_ms, looking.now_ms);
    }
    out->is_ca_external = externals_are_on(service->externals);
    if (!out->is_ca_external) {
        administrators_each(service, look_at, &looking);
    }
}

/* ---- telling --------------------------------------------------------------------------------- */

static void tell(const char *of, int64_t not_after_ms, int64_t now_ms, const char *fix)
{
    const time_t seconds = (time_t)(not_after_ms / 1000);
    struct tm utc;
    char at[TIME_BYTES] = "";
    if (gmtime_r(&seconds, &utc)) {
        (void)strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    if (now_ms > not_after_ms) {
        log_error("certificate.ended", "of=%s at=%s fix=%s", of, at, fix);
    } else {
        log_warn("certificate.ends", "of=%s at=%s days_left=%" PRId64 " fix=%s", of, at,
                 (not_after_ms - now_ms) / OC_ADMIN_DAY_MS, fix);
    }
}

static void tell_all(const struct certificate_ends *ends, int64_t now_ms)
{
    if (ends->is_ca_ending) {
        tell("admin-ca", ends->ca_not_after_ms, now_ms,
             ends->is_ca_external
                 ? "put a newer CA's certificate into the file of admin.ca, then openclaw gateway "
                   "reload"
                 : "openclaw pki init --replace, then openclaw pki issue NAME --role ROLE for each "
                   "administrator");
    }
    const size_t n = ends->n < CERTIFICATES_TOLD ? (size_t)ends->n : CERTIFICATES_TOLD;
    for (size_t i = 0; i < n; i++) {
        char of[ADMINISTRATOR_NAME_BYTES + 8];
        char fix[ADMINISTRATOR_NAME_BYTES + 24];
        (void)snprintf(of, sizeof of, "admin:%s", ends->soonest[i].name);
        (void)snprintf(fix, sizeof fix, "openclaw pki renew %s", ends->soonest[i].name);
        tell(of, ends->soonest[i].not_after_ms, now_ms, fix);
    }
    if (ends->n > n) {
        log_warn("certificate.ends", "of=others count=%" PRIu64 " fix=%s", ends->n - n,
                 "openclaw pki list");
    }
}

void certificates_tick(struct service *service)
{
    const int64_t monotonic_ms = service_monotonic_ms(service);
    struct certificate_ends ends;
    if (service->has_told_certificates &&
        monotonic_ms - service->told_certificates_ms < CERTIFICATES_AGAIN_MS) {
        return;
    }
    service->has_told_certificates = true;
    service->told_certificates_ms = monotonic_ms;
    certificates_look(service, &ends);
    tell_all(&ends, service_now_ms(service));
}
