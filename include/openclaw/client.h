/*
 * libopenclaw: a client of one gateway door, for administrators and fleet tools; the calls on it
 * are in admin.h. What holds for the whole library stands here.
 *
 * Thread: any, also several at once with the same handle; only closing or freeing a handle must be
 *         the last use of it.
 *
 * Callbacks: run on threads of the library. They must not block for long, and must not close or
 *         free the handle that called them. Threads of the library block all signals, SIGPIPE
 *         among them: handlers of the program never run there.
 *
 * Fork:   threads do not survive fork(). In a child of a process that has opened a client or
 *         started an agent, calls on the parent's handles answer FAILED_PRECONDITION at once,
 *         closing and freeing them do nothing, and no new ones are made (FAILED_PRECONDITION).
 *         So: fork and exec, or fork before the first handle. Descriptors close on exec. A child
 *         that does not exec keeps a copy of the device's key in its memory, and of descriptors.
 *
 * Process: nothing runs when the library is loaded; once loaded it stays (dlclose returns, the
 *         code remains). OpenSSL is started without its configuration file if the library comes
 *         first: a program that wants openssl.cnf calls OPENSSL_init_crypto before, or loads the
 *         file itself (CONF_modules_load_file). No locale, signal handler or exit handler is
 *         touched. A program that uses NNG itself shares it, and must not call nng_fini.
 *         A program may end (exit, or main returns) with handles open: OpenSSL is kept from
 *         cleaning up under the threads that use it. One that starts OpenSSL first passes
 *         OPENSSL_INIT_NO_ATEXIT, or closes and frees its handles before it ends.
 *
 * Errors: a status says how a call ended; `err`, which may be NULL, gets a text for people and
 *         facts (error.h). Unless said otherwise, what a failed call would have filled in is as it
 *         was. Text pointers must not be NULL where that is not allowed by name.
 */
#pragma once

#include <openclaw/error.h>
#include <openclaw/types.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* A gateway's door and the one connection to it. */
struct oc_client;

/* Filled in by the program; {0} is the gateway of this machine's default data directory. */
struct oc_client_options {
    /* "ipc:///PATH/admin.sock". NULL: the local door of the gateway in data_dir. */
    const char *url;
    /* NULL: as oc_default_data_dir. */
    const char *data_dir;
    /* Milliseconds for each call that names no other; 0: 10,000. At most 60,000. */
    uint32_t timeout_ms;
    /* A bundle (bundle.h): connects to the admin door that it names, over mutual TLS, and to no
     * other gateway; url must be NULL, data_dir is not used. It is read again when it changes. */
    const char *bundle_file;
    uint64_t reserved[15]; /* zero: see version.h */
};

/*
 * Prepares a client. Nothing is sent: the connection is made at the first call, and made again
 * at the next one after it was lost. Calls of all threads share it, 1,024 in flight at most (from
 * another machine the gateway takes 64).
 *
 * With a bundle, every call of an administrator that the admin door knows works as it does at the
 * local one, if the role allows it. Further ways in which such a call fails: UNAUTHENTICATED, when
 * the gateway refuses the certificate (revoked, expired, signed by another CA), when it has ended
 * by this machine's clock (nothing is sent then), and when the gateway's key is not the pinned one
 * (nothing is said to it; the text names both pins). oc_error.cause tells them apart by a word:
 * "certificate_revoked", "certificate_expired", "certificate_unknown", "certificate_refused";
 * "pin_mismatch". What the bundle's file holds is checked here and whenever it changed.
 *
 * Owns:   *out: oc_client_close. The options are copied.
 * Fails:  INVALID_ARGUMENT (url, timeout_ms, a field that this version does not know);
 *         FAILED_PRECONDITION (no data directory is known; a child of fork; a draft of a bundle);
 *         RESOURCE_EXHAUSTED; INTERNAL; with a bundle also as oc_bundle_read.
 */
OC_MUST_CHECK enum oc_status oc_client_open(const struct oc_client_options *options,
                                            struct oc_client **out, struct oc_error *err);

/*
 * Ends calls in flight with CANCELLED, waits for their callbacks, then frees. Takes a second or so
 * at most, and no longer than the callbacks do. Accepts NULL.
 *
 * Owns:   takes `client`.
 * Thread: any but one that runs a callback of this client; nobody may use it any more.
 */
void oc_client_close(struct oc_client *client);

/*
 * The data directory that NULL stands for everywhere: $OPENCLAW_HOME, else $HOME/.openclaw. It
 * need not exist.
 *
 * Units:  cap: bytes of `out`, with the NUL.
 * Fails:  FAILED_PRECONDITION (neither is set); INVALID_ARGUMENT (longer than cap).
 * Thread: any, while no other changes the environment.
 */
OC_MUST_CHECK enum oc_status oc_default_data_dir(char *out, size_t cap, struct oc_error *err);

/* What a gateway says of itself when it is asked for its health. */
enum oc_serving {
    OC_SERVING_UNKNOWN,  /* something that this version does not know */
    OC_SERVING_YES,      /* devices are served */
    OC_SERVING_LOCKED,   /* none is, until `openclaw gateway unlock`: see lock_reason */
    OC_SERVING_DRAINING, /* it is about to stop */
};

/*
 * Asks a gateway for its health: whether it is there, and whether it serves devices.
 *
 * Fails:  UNAVAILABLE (no gateway there); DEADLINE_EXCEEDED; PERMISSION_DENIED (this uid is none of
 *         its administrators); RESOURCE_EXHAUSTED; CANCELLED (closed meanwhile);
 *         FAILED_PRECONDITION (a child of fork); INTERNAL (an answer that is not understood).
 */
OC_MUST_CHECK enum oc_status oc_client_health(struct oc_client *client, enum oc_serving *out,
                                              struct oc_error *err);

enum {
    OC_KEY_ID_BYTES = 16, /* of an idempotency key */
};

/* Fills `out` with fresh random bytes for the idempotency key of a decision. */
void oc_make_idempotency_key(uint8_t out[OC_KEY_ID_BYTES]);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
