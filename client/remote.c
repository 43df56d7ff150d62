/* See remote.h. */
#include "client/remote.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/bundle_internal.h"
#include "client/gateway_record.h"
#include "client/private_dir.h"

enum {
    REMOTE_PATH_BYTES = 2 * OC_PATH_BYTES,
    DAY_BYTES = 40,
};

static const char certificate_cause[] = "certificate_";

/* Tells one file from another that took its place. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t bytes;
    struct timespec changed;
};

struct oc_remote {
    char path[REMOTE_PATH_BYTES];
    pthread_mutex_t lock; /* guards all below */
    struct stamp stamp;   /* of the file that was read */
    struct oc_bundle_facts facts;
    struct oc_tls_context *tls;
};

/* ---- the file ---------------------------------------------------------------------------- */

static bool look(const char *path, struct stamp *out)
{
    struct stat facts;
    if (lstat(path, &facts) != 0) {
        return false;
    }
    *out = (struct stamp){facts.st_dev, facts.st_ino, facts.st_size, facts.st_ctim};
    return true;
}

static bool is_same(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->bytes == b->bytes &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* The context keeps what it needs of the key; the bundle's copy is wiped. */
static enum oc_status read_bundle(const char *path, struct oc_bundle_facts *facts,
                                  struct oc_tls_context **tls, struct oc_error *err)
{
    OC_CLEANUP(oc_bundle_freep) struct oc_bundle *bundle = NULL;
    enum oc_status st = oc_bundle_read(path, &bundle, err);
    if (st) {
        return st;
    }
    if (bundle->facts.is_draft) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "bundle %.300s: it has no certificate yet: have its request signed", path);
    }
    const struct oc_tls_trust trust = {.n_pins = 1, .pins = {bundle->facts.pin}};
    st = oc_tls_context_for_client(bundle->identity, &trust, tls, err);
    if (st == OC_OK) {
        *facts = bundle->facts;
    }
    return st;
}

static enum oc_status make_absolute(const char *path, char out[REMOTE_PATH_BYTES],
                                    struct oc_error *err)
{
    char here[OC_PATH_BYTES] = "";
    if (path[0] != '/' && !getcwd(here, sizeof here)) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "bundle %.300s: name its whole path", path);
    }
    const int n = snprintf(out, REMOTE_PATH_BYTES, "%s%s%s", here, here[0] ? "/" : "", path);
    return n > 0 && n < REMOTE_PATH_BYTES
               ? OC_OK
               : oc_fail(err, OC_INVALID_ARGUMENT, "bundle: its path is too long");
}

enum oc_status oc_remote_open(const char *bundle_file, struct oc_remote **out, struct oc_error *err)
{
    struct oc_remote *remote = calloc(1, sizeof *remote);
    if (!remote) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "client: out of memory");
    }
    (void)pthread_mutex_init(&remote->lock, NULL);
    enum oc_status st = make_absolute(bundle_file, remote->path, err);
    if (st == OC_OK) {
        (void)look(remote->path, &remote->stamp); /* else reading tells */
        st = read_bundle(remote->path, &remote->facts, &remote->tls, err);
    }
    if (st) {
        oc_remote_free(remote);
        return st;
    }
    *out = remote;
    return OC_OK;
}

void oc_remote_free(struct oc_remote *remote)
{
    if (remote) {
        oc_tls_context_free(remote->tls);
        (void)pthread_mutex_destroy(&remote->lock);
        free(remote);
    }
}

const char *oc_remote_url(const struct oc_remote *remote)
{
    return remote->facts.gateway_url;
}

const struct oc_tls_context *oc_remote_tls(const struct oc_remote *remote)
{
    return remote->tls;
}

void oc_remote_get_gateway(struct oc_remote *remote, char url[OC_MAX_URL_BYTES + 1],
                           struct oc_digest *pin)
{
    (void)pthread_mutex_lock(&remote->lock);
    memcpy(url, remote->facts.gateway_url, sizeof remote->facts.gateway_url);
    *pin = remote->facts.pin;
    (void)pthread_mutex_unlock(&remote->lock);
}

/* ---- before a call ----------------------------------------------------------------------- */

static enum oc_status read_again(struct oc_remote *remote, const struct stamp *stamp,
                                 struct oc_channel *channel, struct oc_error *err)
{
    struct oc_bundle_facts facts = {.is_draft = true};
    struct oc_tls_context *tls = NULL;
    enum oc_status st = read_bundle(remote->path, &facts, &tls, err);
    st = st ? st : oc_channel_set_target(channel, facts.gateway_url, tls, err);
    if (st) {
        oc_tls_context_free(tls);
        return st;
    }
    oc_tls_context_free(remote->tls);
    remote->tls = tls;
    remote->facts = facts;
    remote->stamp = *stamp;
    return OC_OK;
}

static void set_cause(struct oc_error *err, const char *cause)
{
    (void)snprintf(err->cause, sizeof err->cause, "%s", cause);
}

static void format_day(int64_t at_ms, char out[DAY_BYTES])
{
    const time_t at = (time_t)(at_ms / 1000);
    struct tm parts;
    if (!gmtime_r(&at, &parts) || strftime(out, DAY_BYTES, "%Y-%m-%d %H:%M UTC", &parts) == 0) {
        (void)snprintf(out, DAY_BYTES, "a time that is none");
    }
}

static enum oc_status check_term(const struct oc_bundle_facts *facts, struct oc_error *err)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if ((int64_t)now.tv_sec * 1000 <= facts->not_after_ms) {
        return OC_OK;
    }
    struct oc_error ended;
    char day[DAY_BYTES];
    format_day(facts->not_after_ms, day);
    (void)oc_fail(&ended, OC_UNAUTHENTICATED,
                  "the certificate of %s ended on %s by this machine's clock; an administrator of "
                  "%s makes another: openclaw pki issue %s --role %s",
                  facts->name, day, facts->gateway_url, facts->name,
                  oc_administrator_role_name(facts->role));
    set_cause(&ended, "certificate_expired");
    if (err) {
        *err = ended;
    }
    return OC_UNAUTHENTICATED;
}

enum oc_status oc_remote_prepare(struct oc_remote *remote, struct oc_channel *channel,
                                 struct oc_error *err)
{
    struct stamp stamp = {.bytes = 0};
    enum oc_status st = OC_OK;
    (void)pthread_mutex_lock(&remote->lock);
    /* Looked at before it is read: what takes its place meanwhile is seen the next time. */
    if (!look(remote->path, &stamp) || !is_same(&stamp, &remote->stamp)) {
        st = read_again(remote, &stamp, channel, err);
    }
    if (oc_channel_has_link(channel)) {
        st = OC_OK; /* it goes on; the gateway judges */
    } else if (st == OC_OK) {
        st = check_term(&remote->facts, err);
    }
    (void)pthread_mutex_unlock(&remote->lock);
    return st;
}

/* ---- what a failure means ---------------------------------------------------------------- */

static void explain_key(const struct oc_bundle_facts *facts, const struct oc_digest *found,
                        struct oc_error *err)
{
    char wanted_pin[OC_PIN_TEXT_BYTES];
    char found_pin[OC_PIN_TEXT_BYTES];
    oc_pin_format(&facts->pin, wanted_pin);
    oc_pin_format(found, found_pin);
    (void)oc_fail(err, OC_UNAUTHENTICATED,
                  "%.120s: its key is not the pinned one: wanted %s, found %s; nothing was said to "
                  "it. Compare with `openclaw gateway info` on the gateway's machine: if it is the "
                  "found one, get a new bundle there; else somebody is in between",
                  facts->gateway_url, wanted_pin, found_pin);
    set_cause(err, "pin_mismatch");
}

/* TLS says in an alert why it refused; text is what was made of it. */
static void explain_handshake(const struct oc_bundle_facts *facts, struct oc_error *err)
{
    char why[160];
    (void)snprintf(why, sizeof why, "%.150s", err->text);
    (void)oc_fail(
        err, OC_UNAUTHENTICATED,
        "%.200s refuses the certificate of %s (%s); on the gateway's machine: openclaw pki "
        "issue %s --role %s",
        facts->gateway_url, facts->name, why, facts->name, oc_administrator_role_name(facts->role));
    set_cause(err, "certificate_refused");
}

/* The gateway knows the certificate by its CA alone, or not any more. */
static void explain_certificate(const struct oc_bundle_facts *facts, struct oc_error *err)
{
    const char *word = err->cause + sizeof certificate_cause - 1;
    err->status = OC_UNAUTHENTICATED;
    if (strcmp(word, "unmapped") == 0) {
        (void)snprintf(err->text, sizeof err->text,
                       "the certificate of %s is in no row of admin.map at %.200s; it is added in "
                       "the gateway's configuration",
                       facts->name, facts->gateway_url);
        return;
    }
    (void)snprintf(err->text, sizeof err->text,
                   "the certificate of %s is %s at %.200s; on the gateway's machine: openclaw pki "
                   "issue %s --role %s",
                   facts->name, strcmp(word, "unknown") == 0 ? "not registered" : word,
                   facts->gateway_url, facts->name, oc_administrator_role_name(facts->role));
}

static void explain_answer(const struct oc_bundle_facts *facts, struct oc_error *err)
{
    const bool is_denied = err->status == OC_PERMISSION_DENIED;
    if (is_denied && strncmp(err->cause, certificate_cause, sizeof certificate_cause - 1) == 0) {
        explain_certificate(facts, err);
    } else if (is_denied && err->cause[0] == '\0') {
        (void)snprintf(err->text, sizeof err->text,
                       "%s may not do this at %.200s: its role there does not go so far; ask an "
                       "administrator with the role admin",
                       facts->name, facts->gateway_url);
    } else if (err->status == OC_UNIMPLEMENTED) {
        (void)snprintf(err->text, sizeof err->text,
                       "%.200s does not do this from afar, or is older: run it on the gateway's "
                       "machine",
                       facts->gateway_url);
    }
}

void oc_remote_explain(struct oc_remote *remote, const struct oc_digest *found,
                       struct oc_error *err)
{
    static const struct oc_digest none;
    (void)pthread_mutex_lock(&remote->lock);
    const struct oc_bundle_facts facts = remote->facts;
    (void)pthread_mutex_unlock(&remote->lock);
    if (!found) {
        explain_answer(&facts, err);
    } else if (err->status == OC_UNAUTHENTICATED && memcmp(found, &facts.pin, sizeof none) == 0) {
        explain_handshake(&facts, err);
    } else if (err->status == OC_UNAUTHENTICATED && memcmp(found, &none, sizeof none) != 0) {
        explain_key(&facts, found, err);
    }
}
