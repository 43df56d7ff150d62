/*
 * What the log tells of those who did not get as far as a call that a service answers: strangers
 * at the doors, and administrators who are none.
 */
#pragma once

#include "server/rpc/caller.h"

/* A connection ended before its peer was known. Silent for a peer that only went away. */
void door_log_handshake(const struct oc_source *source, const struct oc_error *err);

/* A source is at a cap: `what` names it, `fix` is the configuration key that raises it. */
void door_log_cap(const char *source, const char *what, const char *fix);

/* Pairing is off, and the source is in none of the trusted networks. */
void door_log_not_trusted(const char *source);

/* Too many refused calls on one connection, which is closed. */
void door_log_struck_out(const struct caller *caller);

/* An administrator's call was refused: why, as the audit tells it. */
#define DOOR_LOG_ROLE      "role"
#define DOOR_LOG_NO_METHOD "no such method at this door"
void door_log_denied(const struct caller *caller, const char *method, const char *why);

/* The same as door_log_handshake, of the admin door. */
void door_log_admin_handshake(const struct oc_source *source, const struct oc_error *err);
