/* Requests and replies about administrators <-> domain values; see convert.h. */
#pragma once

#include "openclaw/v1/admin.pb-c.h"
#include "server/service/administrators.h"

enum {
    CONVERT_MAX_ADMINISTRATORS_PAGE = 100,
};

/* Each fills *out, which is large: keep it on the heap. Fails: INVALID_ARGUMENT with err->field. */
OC_MUST_CHECK enum oc_status convert_init_pki(const Openclaw__V1__InitPkiRequest *in,
                                              struct administrator_command *out,
                                              struct oc_error *err);
OC_MUST_CHECK enum oc_status
convert_issue_administrator(const Openclaw__V1__IssueAdministratorRequest *in,
                            struct administrator_command *out, struct oc_error *err);
OC_MUST_CHECK enum oc_status
convert_renew_administrator(const Openclaw__V1__RenewAdministratorRequest *in,
                            struct administrator_command *out, struct oc_error *err);
OC_MUST_CHECK enum oc_status
convert_revoke_administrator(const Openclaw__V1__RevokeAdministratorRequest *in,
                             struct administrator_command *out, struct oc_error *err);
OC_MUST_CHECK enum oc_status
convert_set_administrator_role(const Openclaw__V1__SetAdministratorRoleRequest *in,
                               struct administrator_command *out, struct oc_error *err);
OC_MUST_CHECK enum oc_status
convert_list_administrators(const Openclaw__V1__ListAdministratorsRequest *in, size_t *limit,
                            char cursor[ADMINISTRATOR_NAME_BYTES + 1], struct oc_error *err);

/* Messages that point into what they were made of. */
struct administrator_message {
    Openclaw__V1__Administrator administrator;
    Openclaw__V1__AdministratorCertificate certificates[ADMINISTRATOR_CERTIFICATES];
    Openclaw__V1__AdministratorCertificate *pointers[ADMINISTRATOR_CERTIFICATES];
};
void convert_administrator_out(const struct administrator_view *view,
                               struct administrator_message *out);
void convert_ca_out(const struct administrators_ca *ca, Openclaw__V1__AdminCa *out);
