/*
 * The way to a gateway's admin door: what a bundle's file says, kept up to date. A client presents
 * its certificate and speaks to the pinned key alone.
 *
 * The file is looked at before every call: one that was replaced (openclaw pki renew) is in force
 * for that call. One that is damaged or gone is told when there is no connection to go on with.
 *
 * Thread: any; one mutex, never held while the channel calls back.
 */
#pragma once

#include <openclaw/bundle.h>

#include "client/channel.h"

struct oc_remote;

/* Owns: *out, oc_remote_free. Fails: as oc_bundle_read; FAILED_PRECONDITION (a draft). */
OC_MUST_CHECK enum oc_status oc_remote_open(const char *bundle_file, struct oc_remote **out,
                                            struct oc_error *err);
/* After the channel was closed. Accepts NULL. */
void oc_remote_free(struct oc_remote *remote);

/* For the channel's options; borrowed until the first oc_remote_prepare. */
const char *oc_remote_url(const struct oc_remote *remote);
const struct oc_tls_context *oc_remote_tls(const struct oc_remote *remote);

/* The gateway that the bundle names now. */
void oc_remote_get_gateway(struct oc_remote *remote, char url[OC_MAX_URL_BYTES + 1],
                           struct oc_digest *pin);

/* Before a call: reads the file again if it changed, and has the channel go on with what it says.
 * Fails: UNAUTHENTICATED (the certificate has ended, and a connection would have to be made); as
 * oc_remote_open, when there is no connection. */
OC_MUST_CHECK enum oc_status oc_remote_prepare(struct oc_remote *remote, struct oc_channel *channel,
                                               struct oc_error *err);

/* Says of a failure what it means for who came with this bundle, in err's text, cause and status.
 * `found` is the gateway's key, zeros if it is not known; NULL: the gateway answered so. */
void oc_remote_explain(struct oc_remote *remote, const struct oc_digest *found,
                       struct oc_error *err);
