/* admin.ca: the certificate of a CA that is not ours, from its file into the service. */
#pragma once

#include "server/config/config.h"
#include "server/service/administrators.h"

/* Reads and checks it. *out is NULL where the configuration names none.
 * Fails: as config_read_file; INVALID_ARGUMENT, naming the file and what is wrong. */
OC_MUST_CHECK enum oc_status app_external_ca_read(const struct config *config,
                                                  struct oc_admin_ca **out, struct oc_error *err);

/*
 * Puts in force what the configuration says of it, at the start (`before` NULL) and with a reload.
 * A file that cannot be used is told of; where it is the same as before and was read then, the CA
 * stays, else nobody comes in. Writer's thread, or before the admin door opens.
 */
void app_external_ca_apply(struct service *service, const struct config *config,
                           const char *before);
