/* See keystore.h. */
#include "client/keystore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/host.h"
#include "proto/base/hex.h"
#include "proto/base/secret.h"

enum {
    KEY_PEM_BYTES = 1024, /* an Ed25519 key takes 119 */
};

static const char identity_dir[] = "identity";
static const char gateways_dir[] = "gateways";
static const char key_name[] = "device.key";
static const char instance_name[] = "instance";

enum oc_status oc_default_data_dir(char *out, size_t cap, struct oc_error *err)
{
    const char *chosen = getenv("OPENCLAW_HOME");
    const char *suffix = "";
    if (!chosen || !*chosen) {
        chosen = getenv("HOME");
        suffix = "/.openclaw";
    }
    if (!chosen || !*chosen) {
        return oc_fail(err, OC_FAILED_PRECONDITION,
                       "data directory: neither OPENCLAW_HOME nor HOME is set; name one");
    }
    size_t n = strlen(chosen) + strlen(suffix);
    if (n >= cap) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "data directory: the path of %zu bytes is too long", n);
    }
    (void)snprintf(out, cap, "%s%s", chosen, suffix);
    return OC_OK;
}

enum oc_status oc_keystore_open_subdir(const char *data_dir, const char *name, bool may_create,
                                       struct oc_private_dir *out, struct oc_error *err)
{
    char path[OC_PATH_BYTES];
    if (!data_dir) {
        enum oc_status st = oc_default_data_dir(path, sizeof path, err);
        if (st) {
            return st;
        }
        data_dir = path;
    }
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir data = {.fd = -1};
    enum oc_status st = oc_data_dir_open(data_dir, may_create, &data, err);
    return st ? st : oc_private_dir_open(&data, name, may_create, out, err);
}

/* ---- the key ----------------------------------------------------------------------------- */

static enum oc_status read_key(const struct oc_private_dir *dir, struct oc_identity **out,
                               struct oc_error *err)
{
    char pem[KEY_PEM_BYTES];
    size_t n = 0;
    enum oc_status st = oc_private_file_read(dir, key_name, pem, sizeof pem, &n, err);
    if (st == OC_OK) {
        struct oc_error cause = {.status = OC_OK};
        st = oc_identity_parse(OC_IDENTITY_DEVICE, pem, n, out, &cause);
        /* Only this says something about the key; want of memory does not. */
        if (st == OC_INVALID_ARGUMENT) {
            st = oc_fail(err, OC_DATA_LOSS,
                         "%s/%s: not a device key (%.120s); restore it from a backup, or move it "
                         "away to become a new device that must be approved again",
                         dir->path, key_name, cause.text);
        } else if (st && err) {
            *err = cause;
        }
    }
    oc_wipe(pem, sizeof pem);
    return st;
}

/* Leaves the key of whoever came first; the caller reads that one. */
static enum oc_status make_key(const struct oc_private_dir *dir, bool *was_created,
                               struct oc_error *err)
{
    OC_CLEANUP(oc_identity_freep) struct oc_identity *fresh = NULL;
    enum oc_status st = oc_identity_generate(OC_IDENTITY_DEVICE, &fresh, err);
    if (st) {
        return st;
    }
    char pem[KEY_PEM_BYTES];
    size_t n = 0;
    st = oc_identity_format(fresh, pem, sizeof pem, &n, err);
    if (st == OC_OK) {
        st = oc_private_file_create(dir, key_name, pem, n, err);
        *was_created = st == OC_OK;
        st = st == OC_ALREADY_EXISTS ? OC_OK : st;
    }
    oc_wipe(pem, sizeof pem);
    return st;
}

enum oc_status oc_keystore_load_identity(const char *data_dir, bool may_create,
                                         struct oc_identity **out, struct oc_identity_info *info,
                                         struct oc_error *err)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    enum oc_status st = oc_keystore_open_subdir(data_dir, identity_dir, may_create, &dir, err);
    if (st) {
        return st;
    }
    bool was_created = false;
    struct oc_identity *identity = NULL;
    st = read_key(&dir, &identity, err);
    if (st == OC_NOT_FOUND && may_create) {
        st = make_key(&dir, &was_created, err);
        st = st ? st : read_key(&dir, &identity, err);
    }
    if (st) {
        return st;
    }
    if (info) {
        *info = (struct oc_identity_info){.device_id = oc_identity_device_id(identity),
                                          .was_created = was_created};
        (void)snprintf(info->key_path, sizeof info->key_path, "%.480s/%s", dir.path, key_name);
    }
    *out = identity;
    return OC_OK;
}

enum oc_status oc_identity_info(const char *data_dir, bool may_create, struct oc_identity_info *out,
                                struct oc_error *err)
{
    OC_CLEANUP(oc_identity_freep) struct oc_identity *identity = NULL;
    return oc_keystore_load_identity(data_dir, may_create, &identity, out, err);
}

/* ---- the instance ------------------------------------------------------------------------ */

static enum oc_status read_instance(const struct oc_private_dir *dir,
                                    uint8_t out[OC_INSTANCE_BYTES], struct oc_error *err)
{
    char text[2 * OC_INSTANCE_BYTES + 2];
    size_t n = 0;
    enum oc_status st = oc_private_file_read(dir, instance_name, text, sizeof text - 1, &n, err);
    if (st) {
        return st;
    }
    if (n > 0 && text[n - 1] == '\n') {
        n--;
    }
    text[n] = '\0';
    if (!oc_hex_parse(text, OC_INSTANCE_BYTES, out)) {
        return oc_fail(err, OC_DATA_LOSS, "%s/%s: not 32 hex digits; remove it, a new one is made",
                       dir->path, instance_name);
    }
    return OC_OK;
}

static enum oc_status make_instance(const struct oc_private_dir *dir, struct oc_error *err)
{
    uint8_t id[OC_INSTANCE_BYTES];
    oc_random_fill(id, sizeof id);
    char text[2 * OC_INSTANCE_BYTES + 2];
    oc_hex_format(id, sizeof id, text);
    text[2 * OC_INSTANCE_BYTES] = '\n';
    enum oc_status st =
        oc_private_file_create(dir, instance_name, text, 2 * OC_INSTANCE_BYTES + 1, err);
    return st == OC_ALREADY_EXISTS ? OC_OK : st;
}

enum oc_status oc_keystore_load_instance(const char *data_dir, uint8_t out[OC_INSTANCE_BYTES],
                                         struct oc_error *err)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    enum oc_status st = oc_keystore_open_subdir(data_dir, identity_dir, true, &dir, err);
    if (st) {
        return st;
    }
    st = read_instance(&dir, out, err);
    if (st == OC_NOT_FOUND) {
        st = make_instance(&dir, err);
        st = st ? st : read_instance(&dir, out, err);
    }
    return st;
}

/* ---- gateways ---------------------------------------------------------------------------- */

static enum oc_status read_gateway(const struct oc_private_dir *dir,
                                   const struct oc_gateway_address *address,
                                   struct oc_gateway_record *out, struct oc_error *err)
{
    char name[OC_GATEWAY_FILE_NAME_BYTES];
    char text[OC_GATEWAY_RECORD_BYTES];
    size_t n = 0;
    oc_gateway_file_name(address, name);
    enum oc_status st = oc_private_file_read(dir, name, text, sizeof text, &n, err);
    if (st) {
        return st;
    }
    struct oc_gateway_record record;
    struct oc_error cause = {.status = OC_OK};
    st = oc_gateway_record_parse(text, n, &record, &cause);
    if (st == OC_OK && strcmp(record.url, address->url) != 0) {
        st = oc_fail(&cause, OC_DATA_LOSS, "it is about another gateway");
    }
    if (st) {
        return oc_fail(err, OC_DATA_LOSS,
                       "%s/%s: %.120s; check the gateway's pin, remove the file and run: openclaw "
                       "agent trust --gateway %.120s --pin sha256:...",
                       dir->path, name, cause.text, address->url);
    }
    *out = record;
    return OC_OK;
}

enum oc_status oc_keystore_load_gateway(const char *data_dir,
                                        const struct oc_gateway_address *address,
                                        struct oc_gateway_record *out, struct oc_error *err)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    enum oc_status st = oc_keystore_open_subdir(data_dir, gateways_dir, false, &dir, err);
    return st ? st : read_gateway(&dir, address, out, err);
}

enum oc_status
oc_keystore_update_gateway(const char *data_dir, const struct oc_gateway_address *address,
                           void (*change)(void *user, struct oc_gateway_record *record), void *user,
                           struct oc_error *err)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    enum oc_status st = oc_keystore_open_subdir(data_dir, gateways_dir, true, &dir, err);
    st = st ? st : oc_private_dir_lock(&dir, err);
    if (st) {
        return st;
    }
    struct oc_gateway_record record = {.n_sessions = 0};
    (void)snprintf(record.url, sizeof record.url, "%s", address->url);
    st = read_gateway(&dir, address, &record, err);
    if (st && st != OC_NOT_FOUND) {
        return st;
    }
    change(user, &record);
    char name[OC_GATEWAY_FILE_NAME_BYTES];
    char text[OC_GATEWAY_RECORD_BYTES];
    oc_gateway_file_name(address, name);
    size_t n = oc_gateway_record_format(&record, text);
    if (n == 0) {
        return oc_fail(err, OC_INTERNAL, "%s/%s: the record does not fit", dir.path, name);
    }
    return oc_private_file_replace(&dir, name, text, n, err);
}
