/* A double of libopenclaw's bundles: one line in a file; see fake_bundle.h. */
#include "tests/support/fake_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fake_openclaw.h"

static void set_text(char *out, size_t cap, const char *text)
{
    (void)snprintf(out, cap, "%s", text);
}

#define SET(field, text) set_text((field), sizeof(field), (text))

static const char *const roles[] = {"unknown", "viewer", "approver", "admin"};

const char *oc_administrator_role_name(enum oc_administrator_role role)
{
    return roles[role & 3];
}

bool oc_administrator_role_parse(const char *text, enum oc_administrator_role *out)
{
    for (unsigned i = 1; i < 4; i++) {
        if (strcmp(text, roles[i]) == 0) {
            *out = (enum oc_administrator_role)i;
            return true;
        }
    }
    return false;
}

/* ---- bundles --------------------------------------------------------------------------------- */

struct oc_bundle {
    struct oc_bundle_facts facts;
};

static enum oc_status put(const struct oc_bundle *bundle, const char *path, int flags,
                          struct oc_error *err)
{
    char line[512];
    const struct oc_bundle_facts *facts = &bundle->facts;
    const int n = snprintf(line, sizeof line, "fake %s %s %s %" PRId64 "\n", facts->name,
                           facts->is_draft ? "draft" : oc_administrator_role_name(facts->role),
                           facts->gateway_url[0] ? facts->gateway_url : "-", facts->not_after_ms);
    const int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);
    if (fd < 0) {
        return oc_fail(err, errno == EEXIST ? OC_ALREADY_EXISTS : OC_NOT_FOUND, "%.200s: %s", path,
                       strerror(errno));
    }
    const bool is_written = write(fd, line, (size_t)n) == n;
    (void)close(fd);
    return is_written ? OC_OK : oc_fail(err, OC_INTERNAL, "cannot write");
}

enum oc_status oc_bundle_read(const char *path, struct oc_bundle **out, struct oc_error *err)
{
    char role[16];
    struct stat facts;
    struct oc_bundle read = {.facts = {.is_draft = false}};
    FILE *file = fopen(path, "r");
    if (!file) {
        return oc_fail(err, OC_NOT_FOUND, "bundle %.200s: not there", path);
    }
    const bool is_private = fstat(fileno(file), &facts) == 0 && (facts.st_mode & 077) == 0;
    const int n = fscanf(file, "fake %64s %15s %320s %" SCNd64, read.facts.name, role,
                         read.facts.gateway_url, &read.facts.not_after_ms);
    (void)fclose(file);
    if (!is_private) {
        return oc_fail(err, OC_FAILED_PRECONDITION, "%.200s: mode 0600 wanted; fix: chmod 600",
                       path);
    }
    if (n != 4) {
        return oc_fail(err, OC_DATA_LOSS, "bundle %.200s: is none", path);
    }
    read.facts.is_draft = strcmp(role, "draft") == 0;
    (void)oc_administrator_role_parse(role, &read.facts.role);
    read.facts.gateway_url[0] = read.facts.gateway_url[0] == '-' ? '\0' : read.facts.gateway_url[0];
    memset(read.facts.pin.bytes, 0x6b, sizeof read.facts.pin.bytes);
    memset(read.facts.certificate_sha256.bytes, read.facts.name[0],
           sizeof read.facts.certificate_sha256.bytes);
    struct oc_bundle *bundle = malloc(sizeof *bundle);
    if (!bundle) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "out of memory");
    }
    *bundle = read;
    *out = bundle;
    return OC_OK;
}

void fake_bundle_write(const char *path, const char *name, const char *role, int64_t ends_ms)
{
    struct oc_bundle bundle = {.facts = {.not_after_ms = ends_ms}};
    struct oc_error err;
    SET(bundle.facts.name, name);
    SET(bundle.facts.gateway_url, FAKE_ADMIN_URL);
    (void)oc_administrator_role_parse(role, &bundle.facts.role);
    (void)put(&bundle, path, O_TRUNC, &err);
}

enum oc_status oc_bundle_write(const struct oc_bundle *bundle, const char *path,
                               struct oc_error *err)
{
    return put(bundle, path, O_EXCL, err);
}

enum oc_status oc_bundle_replace(const struct oc_bundle *bundle, const char *path,
                                 struct oc_error *err)
{
    struct oc_bundle *before = NULL;
    const enum oc_status status = oc_bundle_read(path, &before, err);
    if (status || !before) {
        return status;
    }
    const bool is_same = strcmp(before->facts.name, bundle->facts.name) == 0;
    oc_bundle_free(before);
    return is_same ? put(bundle, path, O_TRUNC, err)
                   : oc_fail(err, OC_ABORTED, "it is another administrator's");
}

void oc_bundle_get_facts(const struct oc_bundle *bundle, struct oc_bundle_facts *out)
{
    *out = bundle->facts;
}

void oc_bundle_free(struct oc_bundle *bundle)
{
    free(bundle);
}

enum oc_status oc_bundle_draft(const char *name, struct oc_bundle **out, struct oc_error *err)
{
    if (name[0] < 'a' || name[0] > 'z') {
        return oc_fail(err, OC_INVALID_ARGUMENT, "name: a letter, then a-z 0-9 . _ -");
    }
    struct oc_bundle *bundle = calloc(1, sizeof *bundle);
    if (!bundle) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "out of memory");
    }
    bundle->facts.is_draft = true;
    SET(bundle->facts.name, name);
    *out = bundle;
    return OC_OK;
}

enum oc_status oc_bundle_make_csr(const struct oc_bundle *bundle, struct oc_der *out,
                                  struct oc_error *err)
{
    (void)err;
    *out = (struct oc_der){.n = 1, .bytes = {(uint8_t)bundle->facts.name[0]}};
    return OC_OK;
}

enum oc_status oc_bundle_set_gateway(struct oc_bundle *bundle, const char *url,
                                     struct oc_error *err)
{
    if (strncmp(url, "tls+tcp://", 10) != 0 || strstr(url, "0.0.0.0")) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "not an address that others can use");
    }
    SET(bundle->facts.gateway_url, url);
    return OC_OK;
}

void fake_bundle_complete(struct oc_bundle *bundle, enum oc_administrator_role role,
                          const char *url)
{
    bundle->facts.is_draft = false;
    bundle->facts.role = role;
    bundle->facts.not_after_ms = FAKE_NOW_MS + INT64_C(90) * 24 * 3600 * 1000;
    memset(bundle->facts.pin.bytes, 0x6b, sizeof bundle->facts.pin.bytes);
    SET(bundle->facts.gateway_url, url ? url : FAKE_ADMIN_URL);
}

enum oc_status oc_bundle_complete(struct oc_bundle *bundle, const struct oc_bundle_parts *parts,
                                  struct oc_error *err)
{
    (void)err;
    fake_bundle_complete(bundle, parts->role, parts->gateway_url);
    return OC_OK;
}
