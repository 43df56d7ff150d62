/*
 * The address at which administrators reach the admin door: what the gateway listens on is not
 * always one that others can use, and then a person says it.
 */
#include <openclaw/bundle.h>
#include <string.h>

#include "cli/pki.h"
#include "cli/values.h"

/* ---- what it listens on ---------------------------------------------------------------------- */

/* The host in tls+tcp://HOST:PORT, without brackets. */
static void host_of(const char *url, char *out, size_t cap)
{
    const char *host = strstr(url, "//");
    host = host ? host + 2 : url;
    const char *end = strrchr(host, ':');
    size_t n = end ? (size_t)(end - host) : strlen(host);
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    }
    (void)snprintf(out, cap, "%.*s", (int)n, host);
}

static const char *port_of(const char *url)
{
    const char *end = strrchr(url, ':');
    return end ? end + 1 : "18790";
}

static bool means_all(const char *host)
{
    return host[0] == '\0' || strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0 ||
           strcmp(host, "::") == 0;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

bool pki_address_must_be_said(const char *listens, char out[PKI_ADDRESS_BYTES])
{
    char host[OC_MAX_URL_BYTES + 1];
    host_of(listens, host, sizeof host);
    if (is_loopback(host)) {
        (void)snprintf(out, PKI_ADDRESS_BYTES, "%s", listens);
        return true;
    }
    (void)snprintf(out, PKI_ADDRESS_BYTES, "tls+tcp://HOST:%s", port_of(listens));
    return means_all(host);
}

/* An address that others cannot use goes into a bundle only if a person says so. */
static enum exit_code check_can_be_given(const char *url, struct failure *failure)
{
    char host[OC_MAX_URL_BYTES + 1];
    host_of(url, host, sizeof host);
    if (means_all(host)) {
        failure_set(failure, EXIT_USAGE,
                    "the admin door listens on all addresses (%s), so it cannot tell the one that "
                    "administrators reach it at",
                    url);
        failure_advise(failure, "say it:  --gateway tls+tcp://HOST:%s", port_of(url));
        return failure->code;
    }
    if (is_loopback(host)) {
        failure_set(
            failure, EXIT_USAGE,
            "the admin door listens on this machine alone (%s): from elsewhere that address "
            "leads nowhere",
            url);
        failure_advise(failure, "behind a tunnel or for use here, say so:  --gateway %s", url);
        failure_advise(failure, "else let it listen on an address that others reach: listen.admin "
                                "in gateway.yaml");
        return failure->code;
    }
    return EXIT_DONE;
}

/* ---- what is given --------------------------------------------------------------------------- */

/* The library knows which addresses are some. */
static enum exit_code check_given(const char *url, struct failure *failure)
{
    struct oc_bundle *scratch = NULL;
    struct oc_error err;
    enum oc_status status = oc_bundle_draft("a", &scratch, &err);
    if (!status) {
        status = oc_bundle_set_gateway(scratch, url, &err);
    }
    oc_bundle_free(scratch);
    if (status == OC_INVALID_ARGUMENT) {
        failure_set(failure, EXIT_USAGE, "--gateway %.100s: %s", url, err.text);
        failure_advise(failure, "give the address at which administrators reach the admin door:  "
                                "tls+tcp://HOST:PORT");
        return failure->code;
    }
    return status ? library_failure(failure, status, &err, "--gateway") : EXIT_DONE;
}

enum exit_code making_find_url(const struct cli *cli, struct making *making,
                               struct failure *failure)
{
    const char *given = arguments_value(&cli->args, OPT_GATEWAY);
    struct oc_bundle_facts facts;
    if (given) {
        if (!value_copy(given, making->url, sizeof making->url)) {
            return failure_set(failure, EXIT_USAGE, "--gateway %.100s...: too long", given);
        }
        return check_given(given, failure);
    }
    if (context_facts(cli, &facts)) {
        memcpy(making->url, facts.gateway_url, sizeof making->url);
        return EXIT_DONE;
    }
    if (making->pki.admin_url[0] == '\0') {
        failure_set(failure, EXIT_FAILED,
                    "this gateway has no admin door: listen.admin is not "
                    "configured");
        failure_advise(failure,
                       "in gateway.yaml, among what stands under listen:  %s   then start "
                       "the gateway again",
                       PKI_LISTEN_ADMIN);
        failure_advise(failure, "or say the address it will have:  --gateway tls+tcp://HOST:18790");
        return failure->code;
    }
    memcpy(making->url, making->pki.admin_url, sizeof making->url);
    return check_can_be_given(making->url, failure);
}
