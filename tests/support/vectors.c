/* See vectors.h. */
#include "tests/support/vectors.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "openclaw/v1/health.pb-c.h"
#include "openclaw/v1/pairing.pb-c.h"
#include "proto/base/cleanup.h"
#include "proto/base/hex.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/pairing_code.h"
#include "proto/crypto/receipt.h"
#include "proto/rpc/envelope.h"
#include "proto/rpc/sp.h"
#include "server/domain/pairing.h"

enum {
    MAX_BYTES = 4096,
    SIGNATURE_BYTES = 72,
};

#define NUMBER(name) OPENCLAW__V1__METHOD__METHOD_##name

static void write_bytes(FILE *out, const char *name, const void *bytes, size_t n)
{
    char text[2 * MAX_BYTES + 1];
    assert(n <= MAX_BYTES);
    oc_hex_format(bytes, n, text);
    (void)fprintf(out, "%s: %s\n", name, text);
}

static void write_text(FILE *out, const char *name, const char *text)
{
    (void)fprintf(out, "%s: %s\n", name, text);
}

static void write_number(FILE *out, const char *name, long long number)
{
    (void)fprintf(out, "%s: %lld\n", name, number);
}

static void write_head(FILE *out, const char *title)
{
    (void)fprintf(
        out,
        "# %s\n"
        "# Values are hex where they are bytes, else as they read; see proto/README.md.\n",
        title);
}

static void begin(FILE *out, const char *name)
{
    (void)fprintf(out, "\n[%s]\n", name);
}

/* n bytes that count up from `first`. */
static void count_up(uint8_t *out, size_t n, uint8_t first)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(first + i);
    }
}

static char *text_of(const char *in)
{
    union {
        const char *in;
        char *out;
    } pointer = {.in = in};
    return pointer.out;
}

/* ---- greetings ------------------------------------------------------------------------------- */

static void write_greetings(FILE *out)
{
    uint8_t bytes[OC_SP_GREETING_BYTES];
    write_head(out, "What each side sends first, on every door.");
    begin(out, "greetings");
    oc_sp_greeting(OC_SP_CALLER, bytes);
    write_bytes(out, "caller", bytes, sizeof bytes);
    oc_sp_greeting(OC_SP_GATEWAY, bytes);
    write_bytes(out, "gateway", bytes, sizeof bytes);
}

/* ---- calls and replies ----------------------------------------------------------------------- */

static void write_frames(FILE *out, uint32_t word, const uint8_t *body, size_t n_body)
{
    uint8_t frame[MAX_BYTES];
    write_bytes(out, "envelope", body, n_body);
    for (int is_ipc = 0; is_ipc < 2; is_ipc++) {
        const size_t n = oc_sp_header(is_ipc != 0, word, n_body, frame);
        memcpy(frame + n, body, n_body);
        write_bytes(out, is_ipc ? "frame_ipc" : "frame_tcp", frame, n + n_body);
    }
}

static void write_call(FILE *out, const char *name, uint32_t word, struct oc_call *call,
                       const ProtobufCMessage *message)
{
    uint8_t payload[MAX_BYTES];
    uint8_t body[MAX_BYTES];
    begin(out, name);
    call->payload = payload;
    call->n_payload = protobuf_c_message_pack(message, payload);
    const size_t n = oc_call_pack(call, body, sizeof body);
    assert(n > 0);
    (void)fprintf(out, "word: %08x\n", word);
    write_number(out, "method", call->method);
    write_number(out, "budget_ms", call->budget_ms);
    write_bytes(out, "payload", payload, call->n_payload);
    write_frames(out, word, body, n);
    call->payload = NULL;
    call->n_payload = 0;
}

static void write_connect_call(FILE *out)
{
    uint8_t commitment[32];
    uint8_t ids[3][16];
    char *scopes[] = {text_of("chat"), text_of("tools")};
    Openclaw__V1__Label label = OPENCLAW__V1__LABEL__INIT;
    Openclaw__V1__Label *labels[] = {&label};
    Openclaw__V1__Grant asked = OPENCLAW__V1__GRANT__INIT;
    Openclaw__V1__ConnectRequest request = OPENCLAW__V1__CONNECT_REQUEST__INIT;
    struct oc_call call = {.method = NUMBER(CONNECT), .budget_ms = 10000, .has_trace_id = true};
    count_up(call.trace_id, sizeof call.trace_id, 0xa0);
    count_up(commitment, sizeof commitment, 0x40);
    for (size_t i = 0; i < 3; i++) {
        count_up(ids[i], sizeof ids[i], (uint8_t)(0x60 + 0x10 * i));
    }
    asked.role = text_of("agent");
    asked.scopes = scopes;
    asked.n_scopes = 2;
    label.key = text_of("site");
    label.value = text_of("berlin");
    request.asked = &asked;
    request.name = text_of("web-1");
    request.labels = labels;
    request.n_labels = 1;
    request.purpose = text_of("answers questions");
    request.platform = text_of("linux");
    request.version = text_of("1.2");
    request.nonce_commitment = (ProtobufCBinaryData){sizeof commitment, commitment};
    request.instance_id = (ProtobufCBinaryData){sizeof ids[0], ids[0]};
    request.boot_id = (ProtobufCBinaryData){sizeof ids[1], ids[1]};
    request.host_hint = (ProtobufCBinaryData){sizeof ids[2], ids[2]};
    request.session_counter = 3;
    write_call(out, "connect", 0x80000001, &call, &request.base);
}

static void write_device_calls(FILE *out)
{
    uint8_t nonce[32];
    struct oc_call await = {.method = NUMBER(AWAIT_DECISION), .budget_ms = 25000};
    struct oc_call heartbeat = {.method = NUMBER(HEARTBEAT), .budget_ms = 10000};
    struct oc_call notice = {.method = NUMBER(AWAIT_NOTICE), .budget_ms = 25000};
    Openclaw__V1__AwaitDecisionRequest decision = OPENCLAW__V1__AWAIT_DECISION_REQUEST__INIT;
    Openclaw__V1__HeartbeatRequest beat = OPENCLAW__V1__HEARTBEAT_REQUEST__INIT;
    Openclaw__V1__AwaitNoticeRequest wait = OPENCLAW__V1__AWAIT_NOTICE_REQUEST__INIT;
    count_up(nonce, sizeof nonce, 0x01);
    decision.request_id = text_of("7QK4M2T9XA");
    decision.device_nonce = (ProtobufCBinaryData){sizeof nonce, nonce};
    beat.sequence = 300;
    wait.generation = 5;
    write_call(out, "await_decision", 0x80000002, &await, &decision.base);
    write_call(out, "heartbeat", 0x80000003, &heartbeat, &beat.base);
    write_call(out, "await_notice", 0x80000004, &notice, &wait.base);
}

static void write_admin_calls(FILE *out)
{
    uint8_t digest[32];
    uint8_t device[32];
    Openclaw__V1__State states[] = {OPENCLAW__V1__STATE__STATE_PENDING,
                                    OPENCLAW__V1__STATE__STATE_APPROVED};
    Openclaw__V1__ListDevicesRequest list = OPENCLAW__V1__LIST_DEVICES_REQUEST__INIT;
    Openclaw__V1__ApproveRequest approve = OPENCLAW__V1__APPROVE_REQUEST__INIT;
    Openclaw__V1__DeviceDecision revoke = OPENCLAW__V1__DEVICE_DECISION__INIT;
    struct oc_call listing = {.method = NUMBER(LIST_DEVICES), .budget_ms = 10000};
    struct oc_call deciding = {.budget_ms = 10000, .has_idempotency_key = true};
    count_up(deciding.idempotency_key, sizeof deciding.idempotency_key, 0xb0);
    count_up(digest, sizeof digest, 0xc0);
    memset(device, 0x9f, sizeof device);
    list.page_size = 50;
    list.states = states;
    list.n_states = 2;
    approve.request_id = text_of("7QK4M2T9XA");
    approve.ask_digest = (ProtobufCBinaryData){sizeof digest, digest};
    approve.code = text_of("48217730");
    approve.term_ms = 28800000;
    approve.alias = text_of("front door");
    revoke.device_id = (ProtobufCBinaryData){sizeof device, device};
    revoke.reason = text_of("lost");
    write_call(out, "list_devices", 0x80000005, &listing, &list.base);
    deciding.method = NUMBER(APPROVE);
    write_call(out, "approve", 0x80000006, &deciding, &approve.base);
    deciding.method = NUMBER(REVOKE);
    write_call(out, "revoke", 0x80000007, &deciding, &revoke.base);
}

static void write_calls(FILE *out)
{
    Openclaw__V1__HealthRequest health = OPENCLAW__V1__HEALTH_REQUEST__INIT;
    struct oc_call call = {.method = NUMBER(HEALTH)};
    write_head(out, "Calls: envelope, and the whole frame as it stands on TLS and on ipc.");
    write_call(out, "health", 0x80000000, &call, &health.base);
    write_connect_call(out);
    write_device_calls(out);
    write_admin_calls(out);
}

static void write_reply(FILE *out, const char *name, uint32_t word, const struct oc_error *err,
                        const ProtobufCMessage *message)
{
    uint8_t body[MAX_BYTES];
    const enum oc_status status = err ? err->status : OC_OK;
    const size_t n = oc_reply_pack(status, err, message, body, sizeof body);
    assert(n > 0);
    begin(out, name);
    (void)fprintf(out, "word: %08x\n", word);
    write_number(out, "status", status);
    write_frames(out, word, body, n);
}

static void write_refusal_reply(FILE *out)
{
    uint8_t ids[2][16];
    uint8_t nonce[32];
    Openclaw__V1__Gateway gateway = OPENCLAW__V1__GATEWAY__INIT;
    Openclaw__V1__Refusal refusal = OPENCLAW__V1__REFUSAL__INIT;
    Openclaw__V1__ConnectReply reply = OPENCLAW__V1__CONNECT_REPLY__INIT;
    count_up(ids[0], sizeof ids[0], 0x10);
    count_up(ids[1], sizeof ids[1], 0x20);
    count_up(nonce, sizeof nonce, 0xd0);
    gateway.gateway_id = (ProtobufCBinaryData){sizeof ids[0], ids[0]};
    gateway.database_id = (ProtobufCBinaryData){sizeof ids[1], ids[1]};
    gateway.version = text_of("0.1.0");
    refusal.kind = OPENCLAW__V1__REFUSAL_KIND__REFUSAL_PAIRING_REQUIRED;
    refusal.http_status = 401;
    refusal.request_id = text_of("7QK4M2T9XA");
    refusal.why = OPENCLAW__V1__WHY__WHY_NEW_DEVICE;
    refusal.why_text = text_of(oc_why_text(OC_WHY_NEW_DEVICE));
    refusal.text = text_of("Gateway pairing required.\n");
    refusal.gateway_nonce = (ProtobufCBinaryData){sizeof nonce, nonce};
    reply.gateway = &gateway;
    reply.outcome_case = OPENCLAW__V1__CONNECT_REPLY__OUTCOME_REFUSAL;
    reply.refusal = &refusal;
    write_reply(out, "connect_refused", 0x80000001, NULL, &reply.base);
}

/* A session whose device asks for more. */
static void write_session_reply(FILE *out)
{
    uint8_t nonce[32];
    char *scopes[] = {text_of("chat")};
    Openclaw__V1__Grant granted = OPENCLAW__V1__GRANT__INIT;
    Openclaw__V1__Session session = OPENCLAW__V1__SESSION__INIT;
    Openclaw__V1__ConnectReply reply = OPENCLAW__V1__CONNECT_REPLY__INIT;
    count_up(nonce, sizeof nonce, 0xd0);
    granted.role = text_of("agent");
    granted.n_scopes = 1;
    granted.scopes = scopes;
    session.granted = &granted;
    session.heartbeat_ms = 20000;
    session.generation = 5;
    session.upgrade_request_id = text_of("7QK4M2T9XA");
    session.gateway_nonce = (ProtobufCBinaryData){sizeof nonce, nonce};
    reply.outcome_case = OPENCLAW__V1__CONNECT_REPLY__OUTCOME_SESSION;
    reply.session = &session;
    write_reply(out, "connect_session_that_wants_more", 0x80000002, NULL, &reply.base);
}

static void write_replies(FILE *out)
{
    Openclaw__V1__HealthReply health = OPENCLAW__V1__HEALTH_REPLY__INIT;
    Openclaw__V1__HeartbeatReply beat = OPENCLAW__V1__HEARTBEAT_REPLY__INIT;
    struct oc_error replaced = {
        .status = OC_ABORTED, .request_id = "AAAAAAAAAA", .cause = "replaced"};
    struct oc_error field = {.status = OC_INVALID_ARGUMENT, .field = "ask_digest"};
    struct oc_error later = {.status = OC_RESOURCE_EXHAUSTED, .retry_after_ms = 1500};
    struct oc_error newer = {.status = OC_UNIMPLEMENTED};
    health.serving = OPENCLAW__V1__SERVING__SERVING_YES;
    beat.sequence = 300;
    beat.generation = 5;
    write_head(out, "Replies, those that carry a message and those that carry a failure.");
    write_reply(out, "health_serving", 0x80000000, NULL, &health.base);
    write_refusal_reply(out);
    write_session_reply(out);
    write_reply(out, "heartbeat", 0x80000003, NULL, &beat.base);
    write_reply(out, "replaced", 0x80000006, &replaced, NULL);
    write_reply(out, "field_refused", 0x80000006, &field, NULL);
    write_reply(out, "try_later", 0x80000001, &later, NULL);
    write_reply(out, "other_version", 0x80000000, &newer, NULL);
}

/* ---- computed values ------------------------------------------------------------------------- */

static void write_pairing_code(FILE *out)
{
    struct oc_pairing_code_input input = {.request_id = {"7QK4M2T9XA"}};
    char code[OC_CODE_DIGITS + 1];
    memset(input.device_id.bytes, 0x9f, sizeof input.device_id.bytes);
    memset(input.gateway_spki.bytes, 0x6b, sizeof input.gateway_spki.bytes);
    count_up(input.device_nonce, sizeof input.device_nonce, 0x01);
    count_up(input.gateway_nonce, sizeof input.gateway_nonce, 0xd0);
    const struct oc_digest commitment = oc_nonce_commitment(input.device_nonce);
    oc_pairing_code(&input, code);
    write_head(out, "The pairing code, and the commitment that is sent before it.");
    begin(out, "pairing_code");
    write_bytes(out, "device_id", input.device_id.bytes, sizeof input.device_id.bytes);
    write_bytes(out, "gateway_spki_sha256", input.gateway_spki.bytes,
                sizeof input.gateway_spki.bytes);
    write_bytes(out, "device_nonce", input.device_nonce, sizeof input.device_nonce);
    write_bytes(out, "gateway_nonce", input.gateway_nonce, sizeof input.gateway_nonce);
    write_text(out, "request_id", input.request_id.text);
    write_bytes(out, "nonce_commitment", commitment.bytes, sizeof commitment.bytes);
    write_text(out, "code", code);
}

static void write_device_id(FILE *out)
{
    uint8_t key[32];
    char text[OC_DEVICE_ID_DIGITS + 1];
    count_up(key, sizeof key, 0x02);
    const struct oc_device_id id = oc_device_id_of_key(key);
    oc_device_id_format(&id, text);
    write_head(out, "The device id of 32 raw public-key bytes (not a key of anybody).");
    begin(out, "device_id");
    write_bytes(out, "raw_public_key", key, sizeof key);
    write_text(out, "device_id", text);
}

static void write_ask_digest(FILE *out)
{
    struct oc_device_id id;
    struct ask ask = {
        .grant = {.role = "agent", .n_scopes = 2, .scopes = {"chat", "tools"}},
        .name = "web-1",
        .labels = {.n = 2, .items = {{"rack", "4"}, {"site", "berlin"}}},
        .purpose = "answers questions",
    };
    uint8_t bytes[PAIRING_ASK_BYTES];
    memset(id.bytes, 0x9f, sizeof id.bytes);
    const struct oc_bytes piece = {bytes, pairing_ask_bytes(&id, &ask, bytes)};
    const struct oc_digest digest = oc_sha256(&piece, 1);
    write_head(out,
               "The ask digest: what Approve carries, so that only what was shown is approved.");
    begin(out, "ask_digest");
    write_bytes(out, "device_id", id.bytes, sizeof id.bytes);
    write_text(out, "role", ask.grant.role);
    write_text(out, "scopes", "chat tools");
    write_text(out, "name", ask.name);
    write_text(out, "labels", "rack=4 site=berlin");
    write_text(out, "purpose", ask.purpose);
    write_bytes(out, "canonical_bytes", bytes, piece.n);
    write_bytes(out, "ask_digest", digest.bytes, sizeof digest.bytes);
}

/* Made for this file, and used nowhere else. */
static const char receipt_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEsOknrk/jbok2EKX\n"
    "7yZZ1hNHKKkYGsZ+hqZQGsRpEwChRANCAASpek2+Clip5TZFBr5yxoLrD+gT09/c\n"
    "QwoEbTwOqBl7eMndC6roBlsDonyVoYAu+0IWLArsQLVk5LuzhTLd9pAX\n"
    "-----END PRIVATE KEY-----\n";
/* Signatures differ each time they are made: this one was made once. */
static const char receipt_signature[] =
    "3046022100c91fb73b4d672e020360080eca767729e62432142dabba765fd7a27757931790022100fdd6f59c19a3"
    "906ff2486bd0ca78efd6f74651bbe6e20b06819e6d2baac84c41";

void vectors_receipt(struct oc_receipt *receipt, struct oc_identity **gateway)
{
    *receipt = (struct oc_receipt){
        .seq = 42, .issued_at_ms = INT64_C(1767225600000), .n_signature = SIGNATURE_BYTES};
    count_up(receipt->gateway_id, sizeof receipt->gateway_id, 0x10);
    count_up(receipt->database_id, sizeof receipt->database_id, 0x20);
    memset(receipt->device_id.bytes, 0x9f, sizeof receipt->device_id.bytes);
    const bool is_hex = oc_hex_parse(receipt_signature, SIGNATURE_BYTES, receipt->signature);
    assert(is_hex);
    enum oc_status status =
        oc_identity_parse(OC_IDENTITY_GATEWAY, receipt_key, sizeof receipt_key - 1, gateway, NULL);
    assert(status == OC_OK);
}

static size_t put_number(uint8_t *out, uint64_t number)
{
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(number >> (56 - 8 * i));
    }
    return 8;
}

/* Written apart from receipt.c, on purpose: the test verifies one by the other. */
static size_t receipt_bytes(const struct oc_receipt *receipt, uint8_t *out)
{
    static const char label[] = "openclaw receipt v1";
    size_t n = sizeof label;
    memcpy(out, label, n);
    memcpy(out + n, receipt->gateway_id, sizeof receipt->gateway_id);
    n += sizeof receipt->gateway_id;
    memcpy(out + n, receipt->database_id, sizeof receipt->database_id);
    n += sizeof receipt->database_id;
    n += put_number(out + n, receipt->seq);
    memcpy(out + n, receipt->device_id.bytes, sizeof receipt->device_id.bytes);
    n += sizeof receipt->device_id.bytes;
    n += put_number(out + n, (uint64_t)receipt->issued_at_ms);
    return n;
}

static void write_receipt(FILE *out)
{
    struct oc_receipt receipt;
    struct oc_identity *gateway = NULL;
    uint8_t bytes[MAX_BYTES];
    vectors_receipt(&receipt, &gateway);
    const struct oc_digest spki = oc_identity_spki_sha256(gateway);
    write_head(out, "A receipt: the bytes that are signed, and a signature over them.");
    begin(out, "receipt");
    write_bytes(out, "gateway_id", receipt.gateway_id, sizeof receipt.gateway_id);
    write_bytes(out, "database_id", receipt.database_id, sizeof receipt.database_id);
    write_number(out, "seq", (long long)receipt.seq);
    write_bytes(out, "device_id", receipt.device_id.bytes, sizeof receipt.device_id.bytes);
    write_number(out, "issued_at_ms", receipt.issued_at_ms);
    write_bytes(out, "signed_bytes", bytes, receipt_bytes(&receipt, bytes));
    write_text(
        out, "gateway_spki",
        "3059301306072a8648ce3d020106082a8648ce3d03010703420004a97a4dbe0a58a9e5364506be72c682"
        "eb0fe813d3dfdc430a046d3c0ea8197b78c9dd0baae8065b03a27c95a1802efb42162c0aec40b564e4bb"
        "b38532ddf69017");
    write_bytes(out, "gateway_spki_sha256", spki.bytes, sizeof spki.bytes);
    write_bytes(out, "signature", receipt.signature, receipt.n_signature);
    oc_identity_free(gateway);
}

/* ---- the list -------------------------------------------------------------------------------- */

static const struct vector_file files[] = {
    {"greetings.txt", write_greetings},       {"calls.txt", write_calls},
    {"replies.txt", write_replies},           {"device_id.txt", write_device_id},
    {"pairing_code.txt", write_pairing_code}, {"ask_digest.txt", write_ask_digest},
    {"receipt.txt", write_receipt},
};

const struct vector_file *vector_files(size_t *n)
{
    *n = OC_ARRAY_LENGTH(files);
    return files;
}
