/* The public calls on recorded pins: openclaw/pairing.h. */
#include "client/keystore.h"
#include "client/unknown_field.h"

static enum oc_status parse_gateway(const char *url, struct oc_gateway_address *out,
                                    struct oc_error *err)
{
    enum oc_status st = oc_gateway_address_parse(url, out, err);
    if (st == OC_OK && out->is_local) {
        return oc_fail(err, OC_INVALID_ARGUMENT,
                       "gateway address: pins belong to a tls+tcp:// address");
    }
    return st;
}

enum oc_status oc_trust_load(const char *data_dir, const char *gateway_url, struct oc_trust *out,
                             struct oc_error *err)
{
    struct oc_gateway_address address;
    enum oc_status st = parse_gateway(gateway_url, &address, err);
    if (st) {
        return st;
    }
    struct oc_gateway_record record;
    st = oc_keystore_load_gateway(data_dir, &address, &record, err);
    if (st) {
        return st;
    }
    if (record.trust.n_pins == 0) {
        return oc_fail(err, OC_NOT_FOUND, "no pin is recorded for %s", address.url);
    }
    *out = record.trust;
    return OC_OK;
}

static void set_trust(void *user, struct oc_gateway_record *record)
{
    const struct oc_trust *trust = user;
    record->trust = *trust;
}

enum oc_status oc_trust_save(const char *data_dir, const char *gateway_url,
                             const struct oc_trust *trust, struct oc_error *err)
{
    struct oc_gateway_address address;
    enum oc_status st = parse_gateway(gateway_url, &address, err);
    st =
        st ? st : oc_refuse_unknown_field(trust->reserved, sizeof trust->reserved, "oc_trust", err);
    if (st) {
        return st;
    }
    if (trust->n_pins > OC_MAX_PINS) {
        return oc_fail(err, OC_INVALID_ARGUMENT, "at most %d pins are kept for a gateway",
                       OC_MAX_PINS);
    }
    struct oc_trust copy = *trust;
    return oc_keystore_update_gateway(data_dir, &address, set_trust, &copy, err);
}
