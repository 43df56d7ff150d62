#include "server/service/naming.h"

#include <string.h>

#include "proto/crypto/digest.h"

enum {
    HOST_GROUP_BITS = 53,
};

static struct oc_key derive(const struct oc_key *secret, const char *label)
{
    struct oc_bytes piece = {label, strlen(label)};
    struct oc_digest digest = oc_hmac_sha256(secret, &piece, 1);
    struct oc_key key;
    memcpy(key.bytes, digest.bytes, sizeof key.bytes);
    oc_wipe(&digest, sizeof digest);
    return key;
}

void naming_init(struct naming *naming, const struct oc_key *secret)
{
    naming->request_key = derive(secret, "request id");
    naming->nonce_key = derive(secret, "gateway nonce");
    naming->host_key = derive(secret, "host group");
}

void naming_deinit(struct naming *naming)
{
    oc_wipe(naming, sizeof *naming);
}

struct oc_digest naming_ask_digest(const struct oc_device_id *id, const struct ask *ask)
{
    uint8_t bytes[PAIRING_ASK_BYTES];
    struct oc_bytes piece = {bytes, pairing_ask_bytes(id, ask, bytes)};
    return oc_sha256(&piece, 1);
}

/* The first 50 bits, five a character. */
static struct oc_request_id format_id(const struct oc_digest *digest)
{
    static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    struct oc_request_id id = {.text = ""};
    uint64_t bits = 0;
    for (size_t i = 0; i < sizeof bits; i++) {
        bits = bits << 8 | digest->bytes[i];
    }
    for (size_t i = 0; i < OC_REQUEST_ID_CHARS; i++) {
        id.text[i] = crockford[bits >> (59 - 5 * i) & 31];
    }
    return id;
}

struct oc_request_id naming_request_id(const struct naming *naming, const struct oc_device_id *id,
                                       const struct oc_digest *ask_digest, uint64_t generation)
{
    uint8_t counter[8];
    for (size_t i = 0; i < sizeof counter; i++) {
        counter[i] = (uint8_t)(generation >> (56 - 8 * i));
    }
    struct oc_bytes pieces[] = {
        {id->bytes, sizeof id->bytes},
        {ask_digest->bytes, sizeof ask_digest->bytes},
        {counter, sizeof counter},
    };
    struct oc_digest digest = oc_hmac_sha256(&naming->request_key, pieces, 3);
    return format_id(&digest);
}

uint64_t naming_host_group(const struct naming *naming, const uint8_t hint[OC_INSTANCE_BYTES])
{
    struct oc_bytes piece = {hint, OC_INSTANCE_BYTES};
    struct oc_digest digest = oc_hmac_sha256(&naming->host_key, &piece, 1);
    uint64_t group = 0;
    for (size_t i = 0; i < sizeof group; i++) {
        group = group << 8 | digest.bytes[i];
    }
    group >>= 64 - HOST_GROUP_BITS;
    return group ? group : 1;
}

void naming_gateway_nonce(const struct naming *naming, const struct oc_device_id *id,
                          const struct oc_request_id *request_id,
                          const struct oc_digest *commitment, uint8_t out[OC_NONCE_BYTES])
{
    struct oc_bytes pieces[] = {
        {id->bytes, sizeof id->bytes},
        {request_id->text, OC_REQUEST_ID_CHARS},
        {commitment->bytes, sizeof commitment->bytes},
    };
    struct oc_digest digest = oc_hmac_sha256(&naming->nonce_key, pieces, 3);
    memcpy(out, digest.bytes, OC_NONCE_BYTES);
}
