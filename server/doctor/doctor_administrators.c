/* See examination.h: the admin CA, and certificates of administrators that end soon, of a gateway
 * that does not run. One that does is asked. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "proto/crypto/admin_ca.h"
#include "server/doctor/examination.h"

static const char check[] = "certificates";
static const int64_t warn_ms = 30 * OC_ADMIN_DAY_MS;

struct ends {
    int64_t now_ms;
    uint64_t n_active; /* administrators with a certificate in force */
    uint64_t n_ending;
    char first[ADMINISTRATOR_NAME_BYTES + 1];
    int64_t first_ms;
};

static enum oc_status look_at(void *user, const struct administrator *it)
{
    struct ends *ends = user;
    const struct administrator_certificate *last = NULL;
    for (size_t i = 0; i < it->n_certificates && !it->is_quarantined; i++) {
        const struct administrator_certificate *each = &it->certificates[i];
        if (administrator_certificate_is_in_force(each, ends->now_ms) &&
            (!last || each->not_after_ms > last->not_after_ms)) {
            last = each;
        }
    }
    if (!last) {
        return OC_OK;
    }
    const int64_t third_ms = (last->not_after_ms - last->not_before_ms) / 3;
    ends->n_active++;
    if (last->not_after_ms - ends->now_ms <= (third_ms < warn_ms ? third_ms : warn_ms)) {
        if (ends->n_ending++ == 0 || last->not_after_ms < ends->first_ms) {
            memcpy(ends->first, it->name, sizeof ends->first);
            ends->first_ms = last->not_after_ms;
        }
    }
    return OC_OK;
}

/* OK, or why there is none that can be used. */
static enum oc_status read_ca(const struct examination *examination, struct oc_admin_ca **out,
                              struct oc_error *err)
{
    char path[STATE_PATH_BYTES];
    char pem[OC_ADMIN_CA_PEM_BYTES];
    examination_path(examination, "admin-ca.pem", path);
    const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return oc_fail(err, errno == ENOENT ? OC_NOT_FOUND : OC_UNAVAILABLE, "%s: %s", path,
                       strerror(errno));
    }
    const ssize_t n = read(fd, pem, sizeof pem);
    const int error = errno;
    (void)close(fd);
    enum oc_status st = n < 0 ? oc_fail(err, OC_UNAVAILABLE, "%s: %s", path, strerror(error))
                              : oc_admin_ca_parse(pem, (size_t)n, out, err);
    oc_wipe(pem, sizeof pem);
    return st;
}

static void tell_ca(const struct examination *examination, const struct ends *ends)
{
    struct oc_admin_ca *ca = NULL;
    struct oc_error err;
    const enum oc_status st = read_ca(examination, &ca, &err);
    if (st == OC_NOT_FOUND && ends->n_active == 0) {
        return; /* no remote administration */
    }
    if (st) {
        struct report report = report_make(check, REPORT_FAIL, "the admin CA: %s", err.text);
        report_set(report.cause, "the admin door stays shut; devices are served without it");
        report_set(report.advice, "put admin-ca.pem back from a backup; else start the gateway, "
                                  "make a new one and issue every administrator anew");
        report_set(report.fix, "%s pki init --replace", examination->openclaw);
        report_print(examination->out, &report);
        return;
    }
    const int64_t left_ms = oc_admin_ca_not_after_ms(ca) - ends->now_ms;
    oc_admin_ca_free(ca);
    if (left_ms <= warn_ms) {
        struct report report =
            left_ms > 0 ? report_make(check, REPORT_WARN, "the admin CA's ends in %" PRId64 " days",
                                      left_ms / OC_ADMIN_DAY_MS)
                        : report_make(check, REPORT_FAIL, "the admin CA's has ended");
        report_set(report.cause, "with it ends every certificate of a remote administrator");
        report_set(report.advice, "make a new one, then issue every administrator anew");
        report_set(report.fix, "%s pki init --replace", examination->openclaw);
        report_print(examination->out, &report);
    }
}

void examine_administrators(const struct examination *examination, struct store *store)
{
    struct ends ends = {.now_ms = examination->now_ms};
    struct oc_error err;
    if (examination->config.admin.ca[0] != '\0') {
        return; /* another CA's, which the gateway reads as it starts */
    }
    if (store_load_administrators(store, look_at, &ends, &err)) {
        return; /* told with the records */
    }
    tell_ca(examination, &ends);
    if (ends.n_ending == 0) {
        return;
    }
    struct report report =
        report_make(check, REPORT_WARN,
                    "%" PRIu64 " administrators' end soon, that of %s first, in %" PRId64 " days",
                    ends.n_ending, ends.first, (ends.first_ms - ends.now_ms) / OC_ADMIN_DAY_MS);
    report_set(report.cause, "who has none in force gets in no more, and cannot renew it");
    report_set(report.advice, "start the gateway and renew it with");
    report_set(report.fix, "%s pki renew %s", examination->openclaw, ends.first);
    report_print(examination->out, &report);
}
