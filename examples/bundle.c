/*
 * Lets somebody administer a gateway from another machine: makes an administrator, and the bundle
 * that is carried there (one file, mode 0600, never over another). Makes the admin CA at its first
 * use. On the public headers alone.
 *
 *     example_bundle NAME viewer|approver|admin FILE [DATA_DIR]      on the gateway's machine
 *
 * The key is made here and is nowhere but in the bundle.
 */
#include <openclaw/admin_pki.h>
#include <stdio.h>
#include <stdlib.h>

static enum oc_status make_ca(struct oc_client *client, struct oc_admin_pki *pki,
                              struct oc_error *err)
{
    const struct oc_admin_pki_order order = {.replaces = false, .reason = "the first bundle"};
    enum oc_status st = oc_admin_pki_init(client, &order, pki, err);
    return st == OC_ALREADY_EXISTS ? OC_OK : st;
}

static enum oc_status make_bundle(struct oc_client *client, const char *name,
                                  enum oc_administrator_role role, const char *path,
                                  struct oc_error *err)
{
    struct oc_bundle *bundle = NULL;
    struct oc_issued *issued = calloc(1, sizeof *issued);
    enum oc_status st = issued ? oc_bundle_draft(name, &bundle, err)
                               : oc_fail(err, OC_RESOURCE_EXHAUSTED, "out of memory");
    const struct oc_administrator_order order = {.role = role, .draft = bundle};
    st = st ? st : oc_admin_issue_administrator(client, &order, issued, err);
    /* A gateway that listens on all addresses cannot name one: oc_bundle_set_gateway does. */
    st = st ? st : oc_bundle_write(bundle, path, err);
    oc_bundle_free(bundle);
    free(issued);
    return st;
}

int main(int argc, char **argv)
{
    const struct oc_client_options options = {.data_dir = argc > 4 ? argv[4] : NULL};
    struct oc_client *client = NULL;
    struct oc_admin_pki *pki = calloc(1, sizeof *pki);
    struct oc_error err = {.text = ""};
    enum oc_administrator_role role = OC_ADMINISTRATOR_ROLE_UNKNOWN;
    if (argc < 4 || !pki || !oc_administrator_role_parse(argv[2], &role)) {
        (void)fprintf(stderr, "usage: example_bundle NAME ROLE FILE [DATA_DIR]\n");
        return 2;
    }
    enum oc_status st = oc_client_open(&options, &client, &err);
    st = st ? st : make_ca(client, pki, &err);
    st = st ? st : make_bundle(client, argv[1], role, argv[3], &err);
    if (st) {
        (void)fprintf(stderr, "example_bundle: %s: %s\n", oc_status_name(st), err.text);
    }
    oc_client_close(client);
    free(pki);
    return st ? 1 : 0;
}
