/*
 * One end of connections, for tests: counts what happens to it, echoes if asked to, and lets a
 * test wait for a count instead of sleeping.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/rpc/connection.h"

struct endpoint {
    pthread_mutex_t lock;
    pthread_cond_t changed;

    /* How it behaves; set before the first connection. */
    bool echoes;
    bool approves;         /* raises the bounds when a connection opens */
    bool refuses_to_open;  /* opened() returns false */
    bool keeps_connection; /* holds the last one that opened; endpoint_deinit releases it */
    uint64_t idle_ms;      /* set as idle limit when a connection opens, unless 0 */
    void (*on_frame)(struct endpoint *endpoint, struct oc_connection *connection, uint32_t word,
                     const uint8_t *body, size_t n_body);

    /* What happened. Read after endpoint_wait, or under the lock. */
    unsigned n_accepted;
    unsigned n_opened;
    unsigned n_frames;
    unsigned n_closed;
    enum oc_status why; /* of the last close */
    char why_text[OC_ERROR_TEXT_BYTES];
    uint32_t last_word;
    size_t n_last_body;
    uint8_t last_body[256]; /* its beginning */
    struct oc_peer peer;    /* of the last one that opened */
    struct oc_connection *kept;
    void *user;
};

extern const struct oc_connection_ops endpoint_ops;

void endpoint_init(struct endpoint *endpoint);
void endpoint_deinit(struct endpoint *endpoint);

/* For oc_listener_options: accepts everything, the endpoint is the user of each connection. */
void *endpoint_accepted(void *endpoint, const struct oc_source *source);

/* Waits until *counter (one of the endpoint's) is at least n; false after 20 s. */
bool endpoint_wait(struct endpoint *endpoint, const unsigned *counter, unsigned n);
/* Reads a counter. */
unsigned endpoint_get(struct endpoint *endpoint, const unsigned *counter);
