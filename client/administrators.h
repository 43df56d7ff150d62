/* What the calls on administrators share: taking values from the wire, keys, checks of options. */
#pragma once

#include <openclaw/administrators.h>

#include "client/client_internal.h"
#include "openclaw/v1/admin.pb-c.h"

/* False when it is not what it must be. */
bool oc_take_administrator(const Openclaw__V1__Administrator *in, struct oc_administrator *out);
/* NULL: none. */
bool oc_take_pki(const Openclaw__V1__AdminCa *ca, const char *admin_url, struct oc_admin_pki *out);
/* Empty, or too long for it: false. */
bool oc_take_der(ProtobufCBinaryData bytes, struct oc_der *out);

/* The key given, or a fresh one for all attempts of this call. */
void oc_choose_key(const uint8_t given[OC_KEY_ID_BYTES], uint8_t out[OC_KEY_ID_BYTES]);
Openclaw__V1__AdministratorRole oc_put_administrator_role(enum oc_administrator_role role);
