/*
 * openclaw pki, whose verbs are spread over several files: the CA (pki_ca.c), certificates and
 * their bundles (pki_issue.c, pki_renew.c, pki_address.c), and what administrators may (cmd_pki.c).
 */
#pragma once

#include <openclaw/admin_pki.h>
#include <openclaw/offline_ca.h>

#include "cli/failure.h"

enum exit_code pki_run_init(struct cli *cli);
enum exit_code pki_run_issue(struct cli *cli);
enum exit_code pki_run_renew(struct cli *cli);

/* ---- shared ---------------------------------------------------------------------------------- */

/* A certificate in the making, and the bundle it is for. */
struct making {
    struct oc_administrator_order order; /* its texts point into options and what follows */
    struct oc_bundle *draft;             /* NULL: a certificate alone is registered */
    struct oc_der csr, certificate;
    struct oc_admin_pki pki;
    char url[OC_MAX_URL_BYTES + 1]; /* of the admin door, for the bundle */
};

/* What came of it, for printing. */
struct made {
    struct oc_issued issued;
    struct oc_bundle_facts facts; /* of the bundle */
    const char *path;             /* of the bundle; NULL: none was made */
};

/* Owns: wipes the draft's key. Accepts NULL. */
void making_free(struct making *making);

/* --ttl, --reason. Fails: EXIT_USAGE. */
enum exit_code making_read_options(const struct cli *cli, struct making *making,
                                   struct failure *failure);

/* Asks the gateway for its CA. Fails: EXIT_FAILED (it has none; somebody else signs than was
 * said, with the cure); as calls do. */
enum exit_code making_check_ca(struct cli *cli, struct making *making, struct failure *failure);

/*
 * The address that others reach the admin door at: --gateway, that of the context in force, else
 * the one the gateway listens on, if it can be given to others.
 * Fails: EXIT_USAGE (it cannot: say --gateway); EXIT_FAILED (listen.admin is not configured).
 */
enum exit_code making_find_url(const struct cli *cli, struct making *making,
                               struct failure *failure);

enum {
    PKI_ADDRESS_BYTES = OC_MAX_URL_BYTES + 1,
};
/* What opens the admin door, beside `devices` in gateway.yaml; a second `listen:` is refused. */
#define PKI_LISTEN_ADMIN "admin: \"tls+tcp://0.0.0.0:18790\""

/* Whether a bundle needs --gateway where the admin door listens so; *out gets what to say then. */
bool pki_address_must_be_said(const char *listens, char out[PKI_ADDRESS_BYTES]);

/* Makes the draft for `name`. With --offline its certificate is signed there; else the order holds
 * the draft, for the gateway to sign. Fails: as the library. */
enum exit_code making_draft(const struct cli *cli, const char *name, struct making *making,
                            struct failure *failure);

/* Puts the draft where the bundle will be. Fails: EXIT_CONFLICT (something is there). */
enum exit_code making_write_draft(const struct making *making, const char *path,
                                  struct failure *failure);

/* After the call: makes the draft whole if it was signed elsewhere. */
enum exit_code making_complete(struct making *making, const struct oc_issued *issued,
                               struct failure *failure);

/* What the library refused, as a failure. */
enum exit_code library_failure(struct failure *failure, enum oc_status status,
                               const struct oc_error *err, const char *doing);

/* What a change of administrators was refused for, with what helps. `name`: whose. */
enum exit_code change_failure(struct failure *failure, const struct cli *cli, const char *doing,
                              const char *name, enum oc_status status, const struct oc_error *err);

void made_print(const struct cli *cli, const struct made *made);
