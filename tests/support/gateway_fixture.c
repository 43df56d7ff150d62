/* See gateway_fixture.h. */
#include "tests/support/gateway_fixture.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "proto/crypto/pairing_code.h"

/* ---- the gateway ----------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

void gateway_path(const struct gateway_fixture *gateway, const char *name, char out[256])
{
    (void)snprintf(out, 256, "%s/%s", gateway->data_dir, name);
}

void gateway_configure(const struct gateway_fixture *gateway, const char *keys)
{
    char path[256];
    gateway_path(gateway, "gateway.yaml", path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fprintf(file,
                        "listen: {devices: 'tls+tcp://127.0.0.1:0'}\n"
                        "log: {level: error}\n"
                        "%s\n",
                        keys) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

void gateway_start(struct gateway_fixture *gateway)
{
    const struct app_options options = {.data_dir = gateway->data_dir};
    struct oc_error err = {.text = ""};
    const enum oc_status status = app_start(&options, &gateway->app, &err);
    if (status) {
        print_error("%s\n", err.text);
    }
    assert_int_equal(status, OC_OK);
}

void gateway_stop(struct gateway_fixture *gateway)
{
    app_stop(gateway->app);
    gateway->app = NULL;
}

int gateway_enter(void **state)
{
    const struct oc_transport_options options = {.n_handshake_workers = 1};
    struct oc_error err;
    struct gateway_fixture *gateway = calloc(1, sizeof *gateway);
    assert_non_null(gateway);
    strcpy(gateway->data_dir, "/tmp/openclaw-gateway-XXXXXX");
    assert_non_null(mkdtemp(gateway->data_dir));
    gateway_configure(gateway, "");
    assert_int_equal(oc_transport_new(&options, &gateway->transport, &err), OC_OK);
    gateway_start(gateway);
    *state = gateway;
    return 0;
}

int gateway_leave(void **state)
{
    struct gateway_fixture *gateway = *state;
    gateway_stop(gateway);
    oc_transport_free(gateway->transport);
    (void)nftw(gateway->data_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(gateway);
    return 0;
}

/* ---- devices --------------------------------------------------------------------------------- */

void device_make(struct gateway_fixture *gateway, struct device *device)
{
    struct oc_tls_trust trust = {.n_pins = 1};
    struct oc_error err;
    *device = (struct device){.nonce = {1, 2, 3}};
    trust.pins[0] = app_pin(gateway->app);
    assert_int_equal(oc_identity_generate(OC_IDENTITY_DEVICE, &device->identity, &err), OC_OK);
    assert_int_equal(oc_tls_context_for_client(device->identity, &trust, &device->tls, &err),
                     OC_OK);
}

void device_free(struct device *device)
{
    oc_tls_context_free(device->tls);
    oc_identity_free(device->identity);
}

void device_open(struct gateway_fixture *gateway, struct device *device)
{
    rpc_peer_open(&device->peer, gateway->transport, app_device_url(gateway->app), device->tls);
}

void device_close(struct device *device)
{
    rpc_peer_close(&device->peer);
}

const Openclaw__V1__ConnectReply *device_connect(struct device *device)
{
    char role[] = "agent";
    char scope[] = "chat";
    char name[] = "web-1";
    char *scopes[] = {scope};
    struct oc_digest commitment = oc_nonce_commitment(device->nonce);
    Openclaw__V1__Grant asked = OPENCLAW__V1__GRANT__INIT;
    Openclaw__V1__ConnectRequest request = OPENCLAW__V1__CONNECT_REQUEST__INIT;
    asked.role = role;
    asked.scopes = scopes;
    asked.n_scopes = 1;
    request.asked = &asked;
    request.name = name;
    request.nonce_commitment = (ProtobufCBinaryData){sizeof commitment.bytes, commitment.bytes};
    return (const Openclaw__V1__ConnectReply *)rpc_peer_call(&device->peer, NUMBER(CONNECT),
                                                             &request.base);
}

const Openclaw__V1__Refusal *device_wants_refusal(struct device *device,
                                                  Openclaw__V1__RefusalKind kind)
{
    const Openclaw__V1__ConnectReply *reply = device_connect(device);
    assert_int_equal(reply->outcome_case, OPENCLAW__V1__CONNECT_REPLY__OUTCOME_REFUSAL);
    assert_int_equal(reply->refusal->kind, kind);
    return reply->refusal;
}

const Openclaw__V1__Session *device_wants_session(struct device *device)
{
    const Openclaw__V1__ConnectReply *reply = device_connect(device);
    assert_int_equal(reply->outcome_case, OPENCLAW__V1__CONNECT_REPLY__OUTCOME_SESSION);
    return reply->session;
}

uint32_t device_await(struct device *device, const char *request_id)
{
    char id[OC_REQUEST_ID_CHARS + 1];
    Openclaw__V1__AwaitDecisionRequest request = OPENCLAW__V1__AWAIT_DECISION_REQUEST__INIT;
    (void)snprintf(id, sizeof id, "%s", request_id);
    request.request_id = id;
    request.device_nonce = (ProtobufCBinaryData){sizeof device->nonce, device->nonce};
    return rpc_peer_send(&device->peer, NUMBER(AWAIT_DECISION), &request.base);
}

/* ---- the administrator ----------------------------------------------------------------------- */

void gateway_open_admin(struct gateway_fixture *gateway, struct rpc_peer *admin)
{
    rpc_peer_open(admin, gateway->transport, app_local_url(gateway->app), NULL);
}

static const Openclaw__V1__ListDevicesReply *list(struct rpc_peer *admin)
{
    return (const Openclaw__V1__ListDevicesReply *)rpc_peer_call(admin, NUMBER(LIST_DEVICES), NULL);
}

const Openclaw__V1__Device *admin_look(struct rpc_peer *admin, const struct device *device)
{
    const struct oc_device_id id = oc_identity_device_id(device->identity);
    const Openclaw__V1__ListDevicesReply *reply = list(admin);
    for (size_t i = 0; i < reply->n_items; i++) {
        if (memcmp(reply->items[i]->device_id.data, id.bytes, sizeof id.bytes) == 0) {
            return reply->items[i];
        }
    }
    fail_msg("the device is not listed");
    return NULL;
}

enum oc_status admin_approve(struct rpc_peer *admin, const char *request_id, const char *code,
                             struct oc_error *err)
{
    char id[OC_REQUEST_ID_CHARS + 1];
    char typed[OC_CODE_DIGITS + 1];
    uint8_t digest[OC_DIGEST_BYTES] = {0};
    Openclaw__V1__ApproveRequest request = OPENCLAW__V1__APPROVE_REQUEST__INIT;
    const Openclaw__V1__ListDevicesReply *reply = list(admin);
    for (size_t i = 0; i < reply->n_items; i++) {
        if (strcmp(reply->items[i]->request_id, request_id) == 0) {
            assert_int_equal(reply->items[i]->ask_digest.len, sizeof digest);
            memcpy(digest, reply->items[i]->ask_digest.data, sizeof digest);
        }
    }
    (void)snprintf(id, sizeof id, "%s", request_id);
    (void)snprintf(typed, sizeof typed, "%s", code);
    request.request_id = id;
    request.ask_digest = (ProtobufCBinaryData){sizeof digest, digest};
    request.code = typed;
    return rpc_peer_try(admin, NUMBER(APPROVE), &request.base, err);
}

enum oc_status admin_decide_on(struct rpc_peer *admin, uint32_t method, const struct device *device,
                               struct oc_error *err)
{
    struct oc_device_id id = oc_identity_device_id(device->identity);
    Openclaw__V1__DeviceDecision request = OPENCLAW__V1__DEVICE_DECISION__INIT;
    request.device_id = (ProtobufCBinaryData){sizeof id.bytes, id.bytes};
    return rpc_peer_try(admin, method, &request.base, err);
}
