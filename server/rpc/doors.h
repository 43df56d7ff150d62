/*
 * The doors: what listens, who may come in, and which table a connection gets.
 *
 * Devices: TLS; every sound key comes in and is a device, under caps while it is not approved.
 * Local: a Unix socket; root, the gateway's own user and those the configuration names are
 * administrators, anyone else gets an answer that says so.
 */
#pragma once

#include "server/rpc/dispatch.h"

struct doors;

enum {
    DOORS_MAX_UIDS = 32,
    DOORS_MAX_DEVICE_URLS = 8,
};

/* What may change while the doors are open. */
struct doors_settings {
    bool pairing_required;   /* false: sources that are not trusted are refused at accept */
    unsigned max_unapproved; /* proven connections without a session, in all and per source */
    unsigned max_unapproved_per_source;
    uint32_t local_uids[DOORS_MAX_UIDS]; /* besides root and our own */
    size_t n_local_uids;
};

struct doors_options {
    struct oc_transport *transport; /* borrowed, as all that follows */
    struct dispatch *dispatch;
    struct service *service;
    const struct oc_tls_context *tls; /* for devices */
    struct oc_digest gateway_spki;

    const char *device_urls[DOORS_MAX_DEVICE_URLS]; /* tls+tcp://HOST:PORT */
    size_t n_device_urls;
    const char *local_url;          /* ipc://PATH */
    struct doors_settings settings; /* at first */

    /* Both by the 16 bytes of an address; NULL: nobody is exempt, everybody is trusted. */
    bool (*is_exempt)(void *user, const uint8_t address[16]);
    bool (*is_trusted)(void *user, const uint8_t address[16]);
    void *user;

    /* At one listener, in all and per source; 0: the default. Handshakes that have begun, and
     * connections whose handshake has not. */
    unsigned max_unfinished, max_unfinished_per_source;
    unsigned max_arrivals, max_arrivals_per_source;
    uint64_t source_seed; /* random */
    uint32_t heartbeat_ms;
};

/*
 * Opens every listener.
 * Owns:  doors_free, after the transport was freed (its connections point here).
 * Fails: as oc_listener_open; RESOURCE_EXHAUSTED. Then nothing listens.
 */
OC_MUST_CHECK enum oc_status doors_open(const struct doors_options *options, struct doors **out,
                                        struct oc_error *err);

/* Puts settings in force: local users who are administrators no more are cut off, whatever they
 * wait for. Any thread; not under a lock. */
void doors_change_settings(struct doors *doors, const struct doors_settings *settings);

/* Accepts nobody any more; who is in stays. Not from a callback. */
void doors_stop(struct doors *doors);

/* Accepts NULL. */
void doors_free(struct doors *doors);
OC_DEFINE_CLEANUP(doors_free, struct doors);
