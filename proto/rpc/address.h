/*
 * The two forms of address this project speaks, and the sources connections come from.
 */
#pragma once

#include <openclaw/error.h>
#include <stdbool.h>

#include <nng/nng.h>

#include "proto/rpc/connection.h"

enum {
    OC_MAX_URL_BYTES = 512,
    OC_MAX_IPC_PATH_BYTES = 107, /* what the kernel's address holds beside a NUL */
};

struct oc_address {
    bool is_ipc;
    char nng_url[OC_MAX_URL_BYTES + 1];   /* as NNG wants it: tcp://... or ipc://... */
    char path[OC_MAX_IPC_PATH_BYTES + 1]; /* ipc: the socket's path */
};

/* Reads tls+tcp://HOST:PORT or ipc://PATH.
 * Fails: INVALID_ARGUMENT, the text names the url and what is wrong with it. */
OC_MUST_CHECK enum oc_status oc_address_parse(const char *url, struct oc_address *out,
                                              struct oc_error *err);

/* Who is at the other end of a local stream, by the kernel; nobody (UINT32_MAX, pid 0) of another
 * stream, or if the kernel does not say. */
void oc_credentials_of_stream(nng_stream *stream, uint32_t *uid, uint32_t *pid);

/* The peer of an accepted or dialled stream. False when the kernel does not say (it is gone). */
OC_MUST_CHECK bool oc_source_of_stream(nng_stream *stream, bool is_ipc, struct oc_source *out);

/*
 * Makes sure that a socket may be made at the path: its directory is ours and closed to others,
 * and nothing stands there but perhaps our own stale socket, which is removed.
 * Fails: FAILED_PRECONDITION (directory: path, mode found, mode wanted), ALREADY_EXISTS,
 *        UNAVAILABLE.
 */
OC_MUST_CHECK enum oc_status oc_ipc_path_prepare(const char *path, struct oc_error *err);
