/* See agent_internal.h: pins given, pins recorded, a CA, or first use, in this order. */
#include <string.h>

#include "client/agent_internal.h"
#include "proto/base/cleanup.h"

static const char *data_dir_of(const struct oc_agent *agent)
{
    return agent->settings.has_data_dir ? agent->settings.data_dir : NULL;
}

static bool has_pin(const struct oc_trust *trust, const struct oc_digest *pin)
{
    for (size_t i = 0; i < trust->n_pins; i++) {
        if (memcmp(&trust->pins[i], pin, sizeof *pin) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- before the connection --------------------------------------------------------------- */

static enum oc_status load_record(struct oc_agent *agent, struct oc_error *err)
{
    struct oc_gateway_record record = {.n_sessions = 0};
    enum oc_status st =
        oc_keystore_load_gateway(data_dir_of(agent), &agent->settings.gateway, &record, err);
    if (st && st != OC_NOT_FOUND) {
        return st; /* never a first use because the record could not be read */
    }
    agent->record = record;
    return OC_OK;
}

static void use_pins(struct oc_tls_trust *trust, const struct oc_digest *pins, size_t n)
{
    trust->n_pins = n;
    memcpy(trust->pins, pins, n * sizeof *pins);
}

enum oc_status oc_agent_prepare_trust(struct oc_agent *agent, struct oc_error *err)
{
    const struct oc_agent_settings *settings = &agent->settings;
    enum oc_status st = load_record(agent, err);
    if (st) {
        return st;
    }
    struct oc_tls_trust trust = {.n_pins = 0};
    if (settings->n_pins > 0) {
        agent->trust_kind = OC_TRUST_GIVEN;
        use_pins(&trust, settings->pins, settings->n_pins);
    } else if (agent->record.trust.n_pins > 0) {
        agent->trust_kind = OC_TRUST_RECORDED;
        use_pins(&trust, agent->record.trust.pins, agent->record.trust.n_pins);
    } else if (settings->has_ca_file) {
        agent->trust_kind = OC_TRUST_CA;
        trust.ca_file = settings->ca_file;
        trust.server_name = settings->server_name;
    } else {
        agent->trust_kind = OC_TRUST_FIRST_USE;
    }
    return oc_tls_context_for_client(agent->identity, &trust, &agent->tls, err);
}

/* ---- the gateway showed its key ---------------------------------------------------------- */

void oc_agent_explain_wrong_gateway(const struct oc_agent *agent, const struct oc_digest *found,
                                    struct oc_error *err)
{
    static const struct oc_digest unknown;
    const struct oc_digest *expected = agent->trust_kind == OC_TRUST_GIVEN
                                           ? &agent->settings.pins[0]
                                           : &agent->record.trust.pins[0];
    const char *url = agent->settings.gateway.url;
    char wanted[OC_PIN_TEXT_BYTES];
    char shown[OC_PIN_TEXT_BYTES] = "another key";
    oc_pin_format(expected, wanted);
    if (memcmp(found, &unknown, sizeof unknown) != 0) {
        oc_pin_format(found, shown);
    }
    (void)oc_fail(err, OC_UNAUTHENTICATED,
                  "%.90s: wrong gateway key: expected %s, found %s; if it was replaced, compare it "
                  "with `openclaw gateway info` there, then run: openclaw agent trust --gateway "
                  "%.90s --pin sha256:...",
                  url, wanted, shown, url);
}

struct first_use {
    const struct oc_digest *spki;
    bool was_recorded; /* by us */
    bool is_trusted;
};

static void record_first_use(void *user, struct oc_gateway_record *record)
{
    struct first_use *use = user;
    if (record->trust.n_pins == 0) {
        record->trust = (struct oc_trust){.n_pins = 1, .is_first_use = true};
        record->trust.pins[0] = *use->spki;
        use->was_recorded = true;
    }
    use->is_trusted = has_pin(&record->trust, use->spki);
}

static enum oc_status trust_first_use(struct oc_agent *agent, const struct oc_digest *spki,
                                      struct oc_error *err)
{
    struct first_use use = {.spki = spki};
    enum oc_status st = oc_keystore_update_gateway(data_dir_of(agent), &agent->settings.gateway,
                                                   record_first_use, &use, err);
    if (st) {
        return st; /* a key that cannot be recorded would be a first use every time */
    }
    st = load_record(agent, err);
    if (st) {
        return st;
    }
    if (!use.is_trusted) {
        agent->trust_kind = OC_TRUST_RECORDED;
        oc_agent_explain_wrong_gateway(agent, spki, err);
        return OC_UNAUTHENTICATED;
    }
    if (use.was_recorded && agent->settings.ops.trusted_first_use) {
        agent->settings.ops.trusted_first_use(agent->settings.user, spki);
    }
    return OC_OK;
}

enum oc_status oc_agent_accept_gateway(struct oc_agent *agent, const struct oc_digest *spki,
                                       struct oc_error *err)
{
    agent->gateway_spki = *spki;
    return agent->trust_kind == OC_TRUST_FIRST_USE ? trust_first_use(agent, spki, err) : OC_OK;
}

/* ---- a session was given ----------------------------------------------------------------- */

struct session_note {
    const struct oc_agent *agent;
    const struct oc_news *news;
};

/* Pins that the gateway announced are added; none is dropped but the oldest for want of room. */
static void add_pin(struct oc_trust *trust, const struct oc_digest *pin)
{
    if (has_pin(trust, pin)) {
        return;
    }
    if (trust->n_pins == OC_MAX_PINS) {
        memmove(&trust->pins[0], &trust->pins[1], (OC_MAX_PINS - 1) * sizeof trust->pins[0]);
        trust->n_pins--;
    }
    trust->pins[trust->n_pins++] = *pin;
}

static void note_pins(const struct session_note *note, struct oc_trust *trust)
{
    const struct oc_agent *agent = note->agent;
    if (agent->trust_kind == OC_TRUST_GIVEN) {
        /* Confirmed by whoever started us; a later start without pins must not be a first use. */
        if (trust->n_pins == 0 || trust->is_first_use) {
            *trust = (struct oc_trust){.n_pins = agent->settings.n_pins};
            memcpy(trust->pins, agent->settings.pins, trust->n_pins * sizeof trust->pins[0]);
        }
        return;
    }
    /* If somebody replaced the pins meanwhile, this gateway has no say in them any more. */
    if (agent->trust_kind == OC_TRUST_CA || !has_pin(trust, &agent->gateway_spki)) {
        return;
    }
    for (size_t i = 0; i < note->news->n_next_pins; i++) {
        add_pin(trust, &note->news->next_pins[i]);
    }
    /* The key in use is the youngest of all: announcements can never push it out. */
    struct oc_trust kept = {.is_first_use = trust->is_first_use};
    for (size_t i = 0; i < trust->n_pins; i++) {
        if (memcmp(&trust->pins[i], &agent->gateway_spki, sizeof trust->pins[i]) != 0) {
            kept.pins[kept.n_pins++] = trust->pins[i];
        }
    }
    add_pin(&kept, &agent->gateway_spki);
    *trust = kept;
}

static void note_receipt(void *user, struct oc_gateway_record *record)
{
    const struct session_note *note = user;
    const struct oc_receipt *receipt = &note->news->receipt;
    if (receipt->n_signature > 0 &&
        oc_device_id_equal(&receipt->device_id, &note->agent->device_id)) {
        record->receipt = *receipt;
    }
}

static void note_session(void *user, struct oc_gateway_record *record)
{
    const struct session_note *note = user;
    record->n_sessions++;
    note_receipt(user, record);
    note_pins(note, &record->trust);
}

void oc_agent_record_session(struct oc_agent *agent, const struct oc_news *news)
{
    struct session_note note = {.agent = agent, .news = news};
    /* The session does not depend on it: receipts and counts explain, they never grant. A record
     * that cannot be written is met again, and reported, at the next attempt. */
    if (oc_keystore_update_gateway(data_dir_of(agent), &agent->settings.gateway, note_session,
                                   &note, NULL) == OC_OK) {
        agent->record.n_sessions++;
    }
}

void oc_agent_record_receipt(struct oc_agent *agent, const struct oc_news *news)
{
    struct session_note note = {.agent = agent, .news = news};
    struct oc_error err;
    /* The older one stays where the newer one cannot be written: it explains a little less. */
    if (news->receipt.n_signature > 0 &&
        oc_keystore_update_gateway(data_dir_of(agent), &agent->settings.gateway, note_receipt,
                                   &note, &err) == OC_OK) {
        note_receipt(&note, &agent->record);
    }
}
