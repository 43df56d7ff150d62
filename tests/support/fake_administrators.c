/* A double of libopenclaw's administrators; see fake_administrators.h. */
#include "tests/support/fake_administrators.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fake_openclaw.h"

static const int64_t DAY_MS = INT64_C(24) * 3600 * 1000;

struct fake_pki fake_pki;

static void set_text(char *out, size_t cap, const char *text)
{
    (void)snprintf(out, cap, "%s", text);
}

#define SET(field, text) set_text((field), sizeof(field), (text))

const char *oc_administrator_state_name(enum oc_administrator_state state)
{
    static const char *const names[] = {"unknown", "active", "revoked", "expired"};
    return names[state & 3];
}

/* ---- who there is ---------------------------------------------------------------------------- */

static struct oc_administrator *add(const char *name, enum oc_administrator_role role,
                                    int64_t ends_ms)
{
    struct oc_administrator *item = &fake_pki.items[fake_pki.n++];
    *item = (struct oc_administrator){.role = role, .state = OC_ADMINISTRATOR_ACTIVE};
    SET(item->name, name);
    item->n_certificates = 1;
    memset(item->certificates[0].sha256.bytes, name[0], sizeof item->certificates[0].sha256.bytes);
    item->certificates[0].serial[0] = 0x5a;
    item->certificates[0].n_serial = 1;
    item->certificates[0].not_before_ms = ends_ms - 90 * DAY_MS;
    item->certificates[0].issued_at_ms = ends_ms - 90 * DAY_MS;
    item->certificates[0].not_after_ms = ends_ms;
    SET(item->certificates[0].issued_by, "uid:0");
    item->created_at_ms = item->decided_at_ms = ends_ms - 90 * DAY_MS;
    SET(item->created_by, "uid:0");
    SET(item->decided_by, "uid:0");
    return item;
}

void fake_pki_reset(void)
{
    memset(&fake_pki, 0, sizeof fake_pki);
    fake_pki.pki = (struct oc_admin_pki){
        .is_there = true, .can_sign = true, .not_after_ms = FAKE_NOW_MS + 3650 * DAY_MS};
    memset(fake_pki.pki.sha256.bytes, 0xca, sizeof fake_pki.pki.sha256.bytes);
    SET(fake_pki.pki.admin_url, FAKE_ADMIN_URL);
    struct oc_administrator *item = add("alice", OC_ADMINISTRATOR_ADMIN, FAKE_NOW_MS + 80 * DAY_MS);
    item->is_online = true;
    item->last_seen_at_ms = FAKE_NOW_MS - 5000;
    add("bob", OC_ADMINISTRATOR_APPROVER, FAKE_NOW_MS + 12 * DAY_MS + 1000);
    item = add("carol", OC_ADMINISTRATOR_VIEWER, FAKE_NOW_MS + 5 * DAY_MS);
    item->state = OC_ADMINISTRATOR_REVOKED;
    item->certificates[0].revoked_at_ms = FAKE_NOW_MS - 1000;
    SET(item->certificates[0].revoked_by, "admin:alice");
}

static struct oc_administrator *find(const char *name, const struct oc_digest *certificate)
{
    for (size_t i = 0; i < fake_pki.n; i++) {
        struct oc_administrator *item = &fake_pki.items[i];
        if (certificate
                ? memcmp(&item->certificates[0].sha256, certificate, sizeof *certificate) == 0
                : strcmp(item->name, name) == 0) {
            return item;
        }
    }
    return NULL;
}

static enum oc_status refuse(struct oc_error *err)
{
    const enum oc_status status = oc_fail(err, fake_pki.changes_fail_with, "the fake fails");
    memcpy(err->cause, fake_pki.facts.cause, sizeof err->cause);
    err->is_outcome_unknown = fake_pki.facts.is_outcome_unknown;
    return status;
}

enum oc_status oc_admin_list_administrators(struct oc_client *client, const char *cursor,
                                            struct oc_administrator_page *page,
                                            struct oc_error *err)
{
    (void)client;
    if (fake.reads_fail_with) {
        return oc_fail(err, fake.reads_fail_with, "the fake fails");
    }
    page->n = 0;
    page->next_cursor[0] = '\0';
    for (size_t i = (size_t)strtoul(cursor, NULL, 10); i < fake_pki.n; i++) {
        if (page->n == page->cap) {
            (void)snprintf(page->next_cursor, sizeof page->next_cursor, "%zu", i);
            break;
        }
        page->items[page->n++] = fake_pki.items[i];
    }
    page->pki = fake_pki.pki;
    page->revision = 41;
    return OC_OK;
}

/* ---- changes --------------------------------------------------------------------------------- */

static enum oc_status change(const struct oc_administrator_change *wanted,
                             struct oc_administrator **out, struct oc_error *err)
{
    fake_pki.n_changes++;
    if (fake_pki.changes_fail_with) {
        return refuse(err);
    }
    *out = find(wanted->name, wanted->certificate);
    if (*out) {
        return OC_OK;
    }
    (void)oc_fail(err, OC_NOT_FOUND, "nothing is known of this device");
    SET(err->cause, "not_known");
    return OC_NOT_FOUND;
}

enum oc_status oc_admin_revoke_administrator(struct oc_client *client,
                                             const struct oc_administrator_change *wanted,
                                             struct oc_administrator_changed *out,
                                             struct oc_error *err)
{
    (void)client;
    struct oc_administrator *item = NULL;
    const enum oc_status status = change(wanted, &item, err);
    if (!item) {
        return status;
    }
    const bool was_revoked = item->state == OC_ADMINISTRATOR_REVOKED;
    *out = (struct oc_administrator_changed){.seq = was_revoked ? 0 : 42,
                                             .n_closed = item->is_online ? 1 : 0};
    item->state = OC_ADMINISTRATOR_REVOKED;
    item->is_online = false;
    item->certificates[0].revoked_at_ms = FAKE_NOW_MS;
    out->administrator = *item;
    return OC_OK;
}

enum oc_status oc_admin_set_administrator_role(struct oc_client *client,
                                               const struct oc_administrator_change *wanted,
                                               struct oc_administrator_changed *out,
                                               struct oc_error *err)
{
    (void)client;
    struct oc_administrator *item = NULL;
    const enum oc_status status = change(wanted, &item, err);
    if (!item) {
        return status;
    }
    item->role = wanted->role;
    *out = (struct oc_administrator_changed){.seq = 42, .administrator = *item};
    return OC_OK;
}

enum oc_status oc_admin_pki_init(struct oc_client *client, const struct oc_admin_pki_order *order,
                                 struct oc_admin_pki *out, struct oc_error *err)
{
    (void)client;
    fake_pki.n_changes++;
    if (fake_pki.changes_fail_with) {
        return refuse(err);
    }
    if (fake_pki.pki.is_there && !order->replaces) {
        return oc_fail(err, OC_ALREADY_EXISTS, "there is one");
    }
    fake_pki.pki.n_revoked = fake_pki.pki.is_there ? 2 : 0;
    fake_pki.pki.is_there = true;
    fake_pki.pki.can_sign = order->ca == NULL;
    *out = fake_pki.pki;
    return OC_OK;
}

/* ---- certificates ---------------------------------------------------------------------------- */

static enum oc_status certify(const struct oc_administrator_order *order, struct oc_issued *out,
                              struct oc_error *err)
{
    fake_pki.n_changes++;
    SET(fake_pki.last_name, order->name ? order->name : "");
    SET(fake_pki.last_url, order->gateway_url ? order->gateway_url : "");
    fake_pki.last_ttl_ms = order->ttl_ms;
    fake_pki.was_signed_elsewhere = order->certificate != NULL;
    if (fake_pki.changes_fail_with) {
        return refuse(err);
    }
    const struct oc_administrator *known = order->name ? find(order->name, NULL) : NULL;
    memset(out, 0, sizeof *out);
    out->administrator = known ? *known : fake_pki.items[0];
    if (order->name) {
        SET(out->administrator.name, order->name);
    }
    out->administrator.role = order->role ? order->role : out->administrator.role;
    memset(out->pin.bytes, 0x6b, sizeof out->pin.bytes);
    if (order->draft) {
        fake_bundle_complete(order->draft, out->administrator.role, order->gateway_url);
    }
    return OC_OK;
}

enum oc_status oc_admin_issue_administrator(struct oc_client *client,
                                            const struct oc_administrator_order *order,
                                            struct oc_issued *out, struct oc_error *err)
{
    (void)client;
    return certify(order, out, err);
}

enum oc_status oc_admin_renew_administrator(struct oc_client *client,
                                            const struct oc_administrator_order *order,
                                            struct oc_issued *out, struct oc_error *err)
{
    (void)client;
    return certify(order, out, err);
}

/* ---- a CA elsewhere -------------------------------------------------------------------------- */

enum oc_status oc_offline_ca_create(const char *dir, const char *label, struct oc_der *certificate,
                                    struct oc_error *err)
{
    (void)label;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return oc_fail(err, OC_NOT_FOUND, "%.200s: cannot be made", dir);
    }
    char path[512];
    (void)snprintf(path, sizeof path, "%s/admin-ca.pem", dir);
    FILE *file = fopen(path, "wx");
    if (!file) {
        return oc_fail(err, OC_ALREADY_EXISTS, "there is one");
    }
    (void)fclose(file);
    *certificate = (struct oc_der){.n = 1, .bytes = {'c'}};
    return OC_OK;
}

enum oc_status oc_offline_ca_certificate(const char *dir, struct oc_der *out, struct oc_error *err)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/admin-ca.pem", dir);
    if (access(path, R_OK) != 0) {
        return oc_fail(err, OC_NOT_FOUND, "no CA in %.200s", dir);
    }
    *out = (struct oc_der){.n = 1, .bytes = {'c'}};
    return OC_OK;
}

enum oc_status oc_offline_ca_issue(const char *dir, const char *name, const struct oc_der *csr,
                                   int64_t ttl_ms, struct oc_der *out, struct oc_error *err)
{
    (void)name;
    (void)csr;
    (void)ttl_ms;
    return oc_offline_ca_certificate(dir, out, err);
}

enum oc_status oc_der_read(const char *path, struct oc_der *out, struct oc_error *err)
{
    if (access(path, R_OK) != 0) {
        return oc_fail(err, OC_NOT_FOUND, "%.200s: not there", path);
    }
    *out = (struct oc_der){.n = 1, .bytes = {'d'}};
    return OC_OK;
}

enum oc_status oc_der_write(const struct oc_der *der, const char *path, struct oc_error *err)
{
    (void)der;
    FILE *file = fopen(path, "wx");
    if (!file) {
        return oc_fail(err, errno == EEXIST ? OC_ALREADY_EXISTS : OC_NOT_FOUND, "%.200s: %s", path,
                       strerror(errno));
    }
    (void)fclose(file);
    return OC_OK;
}
