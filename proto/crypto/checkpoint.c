/* See checkpoint.h. */
#include "proto/crypto/checkpoint.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "proto/base/cleanup.h"
#include "proto/base/json_line.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/provider.h"
#include "proto/crypto/signed_bytes.h"

static const char label[] = "openclaw audit checkpoint v1"; /* with its NUL */
static const char what[] = "audit checkpoint 1";

/* A point of P-256, uncompressed: the one form that is written. OpenSSL reads others, so that one
 * key would have several texts. */
static const uint8_t key_start[] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
};

enum {
    ID_BYTES = 16,
    SIGNED_BYTES = sizeof label + 2 * ID_BYTES + 8 + 8 + OC_DIGEST_BYTES + 8,
};

OC_DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY);

static void format_signed_bytes(const struct oc_audit_checkpoint *checkpoint,
                                uint8_t out[SIGNED_BYTES])
{
    uint8_t *at = oc_signed_put(out, label, sizeof label);
    at = oc_signed_put(at, checkpoint->gateway_id, sizeof checkpoint->gateway_id);
    at = oc_signed_put(at, checkpoint->database_id, sizeof checkpoint->database_id);
    at = oc_signed_put_u64(at, checkpoint->epoch);
    at = oc_signed_put_u64(at, checkpoint->seq);
    at = oc_signed_put(at, checkpoint->hash.bytes, sizeof checkpoint->hash.bytes);
    (void)oc_signed_put_u64(at, (uint64_t)checkpoint->at_ms);
}

enum oc_status oc_checkpoint_sign(const struct oc_identity *gateway,
                                  struct oc_audit_checkpoint *checkpoint, struct oc_error *err)
{
    uint8_t bytes[SIGNED_BYTES];
    uint8_t signature[OC_AUDIT_MAX_SIGNATURE_BYTES] = {0};
    size_t n = sizeof signature;
    EVP_PKEY *key = oc_identity_evp_pkey(gateway);
    if (i2d_PUBKEY(key, NULL) != OC_AUDIT_KEY_BYTES) {
        return oc_fail(err, OC_INTERNAL, "checkpoint: not a key that signs checkpoints");
    }
    format_signed_bytes(checkpoint, bytes);
    enum oc_status st = oc_identity_sign(gateway, bytes, sizeof bytes, signature, &n, err);
    if (st) {
        return st;
    }
    uint8_t *at = checkpoint->key;
    (void)i2d_PUBKEY(key, &at);
    memcpy(checkpoint->signature, signature, sizeof signature);
    checkpoint->n_signature = (uint8_t)n;
    return OC_OK;
}

bool oc_checkpoint_verify(const struct oc_audit_checkpoint *checkpoint)
{
    char ignored[8];
    uint8_t bytes[SIGNED_BYTES];
    const uint8_t *der = checkpoint->key;
    if (checkpoint->n_signature == 0 || checkpoint->n_signature > sizeof checkpoint->signature ||
        memcmp(checkpoint->key, key_start, sizeof key_start) != 0) {
        return false;
    }
    oc_provider_start();
    format_signed_bytes(checkpoint, bytes);
    OC_CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = d2i_PUBKEY(NULL, &der, sizeof checkpoint->key);
    const bool is_genuine = key && der == checkpoint->key + sizeof checkpoint->key &&
                            oc_signature_is_genuine(key, bytes, sizeof bytes, checkpoint->signature,
                                                    checkpoint->n_signature);
    oc_provider_take_error(ignored, sizeof ignored);
    return is_genuine;
}

struct oc_digest oc_checkpoint_pin(const uint8_t key[OC_AUDIT_KEY_BYTES])
{
    const struct oc_bytes piece = {key, OC_AUDIT_KEY_BYTES};
    return oc_sha256(&piece, 1);
}

size_t oc_checkpoint_format(const struct oc_audit_checkpoint *checkpoint,
                            char out[OC_AUDIT_LINE_BYTES])
{
    struct oc_json_writer writer = oc_json_begin(out, OC_AUDIT_LINE_BYTES);
    oc_json_put_text(&writer, "openclaw", what);
    oc_json_put_hex(&writer, "gateway_id", checkpoint->gateway_id, ID_BYTES);
    oc_json_put_hex(&writer, "database_id", checkpoint->database_id, ID_BYTES);
    oc_json_put_number(&writer, "epoch", checkpoint->epoch);
    oc_json_put_number(&writer, "seq", checkpoint->seq);
    oc_json_put_hex(&writer, "hash", checkpoint->hash.bytes, OC_DIGEST_BYTES);
    oc_json_put_time(&writer, "at", checkpoint->at_ms);
    oc_json_put_hex(&writer, "key", checkpoint->key, OC_AUDIT_KEY_BYTES);
    oc_json_put_hex(&writer, "signature", checkpoint->signature, checkpoint->n_signature);
    return oc_json_end(&writer);
}

bool oc_checkpoint_parse(const char *line, size_t n, struct oc_audit_checkpoint *out)
{
    char word[sizeof what];
    char again[OC_AUDIT_LINE_BYTES];
    struct oc_audit_checkpoint found = {.epoch = 0};
    struct oc_json_reader reader = oc_json_read(line, n);
    oc_json_take_text(&reader, "openclaw", word, sizeof word);
    oc_json_take_hex(&reader, "gateway_id", found.gateway_id, ID_BYTES);
    oc_json_take_hex(&reader, "database_id", found.database_id, ID_BYTES);
    found.epoch = oc_json_take_number(&reader, "epoch");
    found.seq = oc_json_take_number(&reader, "seq");
    oc_json_take_hex(&reader, "hash", found.hash.bytes, OC_DIGEST_BYTES);
    found.at_ms = oc_json_take_time(&reader, "at");
    oc_json_take_hex(&reader, "key", found.key, OC_AUDIT_KEY_BYTES);
    found.n_signature = (uint8_t)oc_json_take_some_hex(&reader, "signature", found.signature,
                                                       sizeof found.signature);
    if (!oc_json_is_over(&reader) || strcmp(word, what) != 0) {
        return false;
    }
    const size_t n_again = oc_checkpoint_format(&found, again);
    const size_t n_line = n > 0 && line[n - 1] == '\n' ? n : n + 1;
    if (n_again != n_line || memcmp(again, line, n) != 0) {
        return false;
    }
    *out = found;
    return true;
}
