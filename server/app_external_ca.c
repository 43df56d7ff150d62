/* See app_external_ca.h. */
#include "server/app_external_ca.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/hex.h"
#include "server/obs/log.h"

static void free_text(char **text)
{
    free(*text);
}

enum oc_status app_external_ca_read(const struct config *config, struct oc_admin_ca **out,
                                    struct oc_error *err)
{
    const char *path = config->admin.ca;
    OC_CLEANUP(free_text) char *pem = NULL;
    struct oc_error why = {.text = ""};
    size_t n = 0;
    if (path[0] == '\0') {
        *out = NULL;
        return OC_OK;
    }
    enum oc_status st = config_read_file(path, OC_ADMIN_CA_PEM_BYTES, &pem, &n, err);
    if (st) {
        return st;
    }
    st = oc_admin_ca_parse_external(pem, n, out, &why);
    return st ? oc_fail(err, st, "%.200s: %.250s", path, why.text) : OC_OK;
}

static void tell(const struct config *config, const struct oc_admin_ca *ca, unsigned n_closed)
{
    const struct oc_digest sha256 = oc_admin_ca_sha256(ca);
    char hex[2 * OC_DIGEST_BYTES + 1];
    oc_hex_format(sha256.bytes, sizeof sha256.bytes, hex);
    log_info("admin.external_ca", "path=%s sha256=%s mapped=%zu connections_closed=%u",
             config->admin.ca, hex, config->admin.map.n, n_closed);
}

static void tell_unusable(const struct config *config, const struct oc_error *err, bool keeps_ca)
{
    log_error("admin.ca_unusable", "path=%s reason=%s fix=%s", config->admin.ca, err->text,
              keeps_ca ? "put the right file back, then openclaw gateway reload; the CA that was "
                         "read before stays"
                       : "put the right file there, then openclaw gateway reload; until then no "
                         "administrator comes in from afar");
}

/* Whether that very file was read before and is in force. */
static bool has_one_of(struct service *service, const struct config *config, const char *before)
{
    struct administrators_ca *ca = malloc(sizeof *ca);
    bool has_one = false;
    if (ca && before && strcmp(before, config->admin.ca) == 0) {
        administrators_get_ca(service, ca);
        has_one = ca->is_there;
    }
    free(ca);
    return has_one;
}

void app_external_ca_apply(struct service *service, const struct config *config, const char *before)
{
    struct oc_admin_ca *ca = NULL;
    struct oc_error err;
    struct administrators_external wanted = {.is_on = config->admin.ca[0] != '\0',
                                             .map = &config->admin.map};
    if (!wanted.is_on && (!before || before[0] == '\0')) {
        return;
    }
    if (app_external_ca_read(config, &ca, &err)) {
        wanted.keeps_ca = has_one_of(service, config, before);
        tell_unusable(config, &err, wanted.keeps_ca);
        (void)administrators_change_external(service, &wanted);
        return;
    }
    wanted.ca = ca;
    const unsigned n_closed = administrators_change_external(service, &wanted);
    if (ca) {
        tell(config, ca, n_closed); /* the service's by now, which only this thread replaces */
    } else {
        log_info("admin.own_ca", "reason=%s connections_closed=%u",
                 "admin.ca is not given any more", n_closed);
    }
}
