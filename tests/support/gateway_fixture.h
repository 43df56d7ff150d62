/*
 * A whole gateway in this process, in a fresh directory, on a port the kernel picks; and devices
 * and an administrator that reach it over real sockets.
 */
#pragma once

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "openclaw/v1/health.pb-c.h"
#include "openclaw/v1/pairing.pb-c.h"
#include "server/app.h"
#include "tests/support/rpc_peer.h"

#define NUMBER(name) OPENCLAW__V1__METHOD__METHOD_##name

struct gateway_fixture {
    char data_dir[64];
    struct app *app;
    struct oc_transport *transport; /* the callers' */
};

/* cmocka set-up and tear-down; *state is the fixture. */
int gateway_enter(void **state);
int gateway_leave(void **state);

/* Stops and starts the gateway on the same directory. */
void gateway_stop(struct gateway_fixture *gateway);
void gateway_start(struct gateway_fixture *gateway);

/* The keys of gateway.yaml beside the address and the log; in force from the next start. */
void gateway_configure(const struct gateway_fixture *gateway, const char *keys);

void gateway_path(const struct gateway_fixture *gateway, const char *name, char out[256]);

/* An administrator at the local door. */
void gateway_open_admin(struct gateway_fixture *gateway, struct rpc_peer *admin);

/* A device with a key of its own. */
struct device {
    struct oc_identity *identity;
    struct oc_tls_context *tls;
    struct rpc_peer peer;
    uint8_t nonce[32];
};
void device_make(struct gateway_fixture *gateway, struct device *device);
void device_free(struct device *device);
void device_open(struct gateway_fixture *gateway, struct device *device);
void device_close(struct device *device);

/* Connect, asking for the role "agent" and the scope "chat". The reply lives until the next call.
 */
const Openclaw__V1__ConnectReply *device_connect(struct device *device);
/* Connect, wanting a refusal of this kind. */
const Openclaw__V1__Refusal *device_wants_refusal(struct device *device,
                                                  Openclaw__V1__RefusalKind kind);
const Openclaw__V1__Session *device_wants_session(struct device *device);
/* Sends AwaitDecision for the request and reveals the nonce; returns the word to wait for. */
uint32_t device_await(struct device *device, const char *request_id);

/* The administrator decides. The status of the answer. */
enum oc_status admin_approve(struct rpc_peer *admin, const char *request_id, const char *code,
                             struct oc_error *err);
enum oc_status admin_decide_on(struct rpc_peer *admin, uint32_t method, const struct device *device,
                               struct oc_error *err);
/* The one device of the list. */
const Openclaw__V1__Device *admin_look(struct rpc_peer *admin, const struct device *device);
