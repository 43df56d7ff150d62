/* See doctor.h: from this host to a gateway, whether it is the right one, and what it said. */
#include <errno.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/moment.h"

enum {
    PIN_BYTES = 7 + 2 * OC_DIGEST_BYTES + 1,
};

static void format_pin(const struct oc_digest *pin, char out[PIN_BYTES])
{
    memcpy(out, "sha256:", 8);
    for (size_t i = 0; i < sizeof pin->bytes; i++) {
        (void)snprintf(out + 7 + 2 * i, 3, "%02x", pin->bytes[i]);
    }
}

/* Words for a time that has passed: "12m ago". */
static void format_ago(const struct doctor *doctor, int64_t at_ms, char out[MOMENT_BYTES + 8])
{
    char age[MOMENT_BYTES];
    moment_format_age(at_ms, doctor->cli->terminal->now_ms, age);
    (void)snprintf(out, MOMENT_BYTES + 8, "%s ago", age);
}

/* ---- reachability ---------------------------------------------------------------------------- */

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static void explain_connect(struct finding *finding, const struct oc_probe *probe)
{
    switch (probe->system_error) {
    case ECONNREFUSED:
        finding_set_cause(finding, "nothing listens there: the gateway does not run, has another "
                                   "port, or listens on loopback only, as it does by default");
        finding_set_advice(finding, "on the gateway machine run");
        finding_set_fix(finding, "openclaw doctor");
        return;
    case ETIMEDOUT:
        finding_set_cause(finding, "nobody answers at all: a firewall drops it, or the address is "
                                   "that of another or no machine");
        finding_set_advice(finding,
                           "let this port through from here to there; the right address is "
                           "told on the gateway machine by");
        finding_set_fix(finding, "openclaw gateway info");
        return;
    case EHOSTUNREACH:
    case ENETUNREACH:
        finding_set_cause(finding, "this host has no way to that network");
        finding_set_advice(finding, "see where it leads with");
        finding_set_fix(finding, "ip route");
        return;
    default:
        finding_set_cause(finding, "this host refuses to connect there");
        finding_set_advice(finding, "look for a local firewall rule");
    }
}

static void explain_tls(struct finding *finding, const struct oc_probe *probe)
{
    if (probe->status == OC_DEADLINE_EXCEEDED) {
        finding_set_cause(finding, "something accepts connections there and says nothing: a proxy "
                                   "without anything behind it, another service, or a gateway that "
                                   "is overloaded");
    } else {
        finding_set_cause(finding,
                          "it is not TLS 1.3: another service has this port, or a proxy "
                          "stands between that ends TLS itself; a gateway whose pairing is "
                          "switched off also closes like this on strangers' networks");
    }
    finding_set_advice(finding, "compare address and port with what is told on the gateway machine "
                                "by");
    finding_set_fix(finding, "openclaw gateway info");
}

static void explain_stop(struct finding *finding, const struct oc_probe *probe)
{
    switch (probe->stopped_at) {
    case OC_PROBE_RESOLVE:
        finding_set_cause(finding, "this host's resolver does not know the name");
        finding_set_advice(finding, "correct the name or its DNS entry; the address is told on the "
                                    "gateway machine by");
        finding_set_fix(finding, "openclaw gateway info");
        return;
    case OC_PROBE_CONNECT:
        explain_connect(finding, probe);
        return;
    case OC_PROBE_TLS:
        explain_tls(finding, probe);
        return;
    case OC_PROBE_GREETING:
        finding_set_cause(finding, "TLS works, but it is no gateway's devices' door: another "
                                   "service has this port");
        finding_set_advice(finding, "compare address and port with what is told on the gateway "
                                    "machine by");
        finding_set_fix(finding, "openclaw gateway info");
        return;
    case OC_PROBE_HEALTH:
        finding_set_cause(finding, "the gateway closed the connection instead of answering: it is "
                                   "overloaded, or stopping");
        finding_set_advice(finding, "on the gateway machine run");
        finding_set_fix(finding, "openclaw gateway status");
        return;
    case OC_PROBE_TRUST: /* told by the next check */
    case OC_PROBE_DONE:
    case OC_PROBE_STAGE_COUNT:
        return;
    }
}

static void find_serving(struct doctor *doctor, const char *name, const char *url,
                         const struct oc_probe *probe)
{
    struct finding *finding = NULL;
    if (probe->serving == OC_SERVING_LOCKED) {
        finding = doctor_find(doctor, name, FINDING_FAIL, "%s answers, and is locked", url);
        finding_set_cause(finding, "its records are missing or not the newest, so it serves no "
                                   "device until an administrator decides");
        finding_set_advice(finding, "on the gateway machine run");
        finding_set_fix(finding, "openclaw gateway status");
    } else if (probe->serving == OC_SERVING_DRAINING) {
        finding = doctor_find(doctor, name, FINDING_WARN, "%s answers, and is stopping", url);
        finding_set_cause(finding, "it was asked to stop; agents come back by themselves when it "
                                   "runs again");
    } else {
        (void)doctor_find(doctor, name, FINDING_OK, "%s answers from %s in %u ms", url,
                          probe->address, probe->took_ms);
    }
}

static void find_reach(struct doctor *doctor, const char *url, const struct oc_probe *probe)
{
    static const char *const words[OC_PROBE_STAGE_COUNT] = {
        [OC_PROBE_RESOLVE] = "the name has no address",
        [OC_PROBE_CONNECT] = "no connection",
        [OC_PROBE_TLS] = "no TLS",
        [OC_PROBE_GREETING] = "no gateway",
        [OC_PROBE_HEALTH] = "no answer",
    };
    static const char name[] = "reachability";
    if (probe->stopped_at == OC_PROBE_DONE) {
        find_serving(doctor, name, url, probe);
        return;
    }
    if (probe->stopped_at == OC_PROBE_TRUST) {
        (void)doctor_find(doctor, name, FINDING_OK, "%s accepts connections at %s", url,
                          probe->address);
        return;
    }
    struct finding *finding = doctor_find(doctor, name, FINDING_FAIL, "%s: %s: %s", url,
                                          words[probe->stopped_at], probe->text);
    explain_stop(finding, probe);
    if (probe->stopped_at == OC_PROBE_CONNECT && probe->system_error == ECONNREFUSED &&
        is_loopback(probe->address)) {
        finding_set_advice(finding, "start it");
        finding_set_fix(finding, "openclaw gateway run");
    }
}

/* ---- trust ----------------------------------------------------------------------------------- */

static void find_wrong_key(struct doctor *doctor, const char *name, const char *url,
                           const struct oc_probe *probe, const struct oc_trust *recorded)
{
    char shown[PIN_BYTES] = "another key";
    char wanted[PIN_BYTES] = "that of the CA";
    if (probe->has_pin) {
        format_pin(&probe->pin, shown);
    }
    const struct oc_trust *pins = probe->trust == OC_TRUST_GIVEN ? &doctor->pins : recorded;
    if (probe->trust != OC_TRUST_CA && pins->n_pins > 0) {
        format_pin(&pins->pins[0], wanted);
    }
    struct finding *finding =
        doctor_find(doctor, name, FINDING_FAIL, "%s shows %s, expected %s", url, shown, wanted);
    if (probe->trust == OC_TRUST_CA) {
        finding_set_cause(finding, "%s", probe->text);
        finding_set_advice(finding, "check --ca and --server-name, and this host's clock");
        return;
    }
    finding_set_cause(finding,
                      "the gateway was installed anew, or this is not the gateway: somebody "
                      "may be in between; nothing was sent to it");
    finding_set_advice(finding,
                       "compare with `openclaw gateway info` on the gateway machine; only if "
                       "it is the same there, run with that pin");
    finding_set_fix(finding, "%s agent trust --gateway %s --pin sha256:...", doctor->openclaw, url);
}

static void find_first_use(struct doctor *doctor, const char *name, const char *url,
                           const struct oc_probe *probe, bool is_recorded)
{
    char shown[PIN_BYTES];
    format_pin(&probe->pin, shown);
    struct finding *finding = doctor_find(doctor, name, FINDING_WARN,
                                          is_recorded ? "%s shows %s, recorded at first contact"
                                                      : "%s shows %s, no pin is recorded",
                                          url, shown);
    finding_set_cause(finding, is_recorded
                                   ? "nobody compared the key: it is the gateway's unless somebody "
                                     "was in between at first contact"
                                   : "an agent that starts without --pin or --ca trusts the first "
                                     "key that it is shown");
    finding_set_advice(finding,
                       "compare with `openclaw gateway info` on the gateway machine; if it "
                       "is the same, confirm it");
    finding_set_fix(finding, "%s agent trust --gateway %s --pin %s", doctor->openclaw, url, shown);
}

static void find_trust(struct doctor *doctor, const char *url, const struct oc_probe *probe)
{
    static const char name[] = "trust";
    struct oc_trust recorded = {.n_pins = 0};
    struct oc_error err;
    bool is_recorded = oc_trust_load(doctor->data_dir, url, &recorded, &err) == OC_OK;
    char shown[PIN_BYTES];
    if (probe->stopped_at == OC_PROBE_TRUST) {
        find_wrong_key(doctor, name, url, probe, &recorded);
    } else if (!probe->has_pin) {
        struct finding *finding = doctor_find(doctor, name, FINDING_SKIPPED, "%zu pin%s recorded",
                                              recorded.n_pins, recorded.n_pins == 1 ? "" : "s");
        finding_set_cause(finding, "the gateway was not reached, so its key was not seen");
    } else if (probe->trust == OC_TRUST_FIRST_USE ||
               (probe->trust == OC_TRUST_RECORDED && recorded.is_first_use)) {
        find_first_use(doctor, name, url, probe, is_recorded);
    } else {
        static const char *const by[] = {[OC_TRUST_GIVEN] = "as --pin says",
                                         [OC_TRUST_RECORDED] = "as recorded",
                                         [OC_TRUST_CA] = "certified by the CA",
                                         [OC_TRUST_FIRST_USE] = "at first use"};
        format_pin(&probe->pin, shown);
        (void)doctor_find(doctor, name, FINDING_OK, "%s, %s", shown, by[probe->trust]);
    }
}

/* ---- the gateway's answer -------------------------------------------------------------------- */

static void explain_refusal(struct doctor *doctor, struct finding *finding,
                            const struct oc_outcome *outcome)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    const char *why = oc_why_text(outcome->why);
    oc_device_id_format(&outcome->device_id, id);
    if (*why) {
        finding_set_cause(finding, "%s", why);
    }
    if (outcome->refusal == OC_REFUSAL_BLOCKED) {
        finding_set_advice(finding, "if that is a mistake, on the gateway machine run");
        finding_set_fix(finding, "openclaw devices unblock %s", id);
    } else if (outcome->refusal == OC_REFUSAL_LOCKED) {
        finding_set_cause(finding, "the gateway serves nobody until its administrator unlocks it");
        finding_set_advice(finding, "on the gateway machine run");
        finding_set_fix(finding, "openclaw gateway status");
    } else if (outcome->refusal == OC_REFUSAL_BUSY) {
        finding_set_cause(finding,
                          "it takes no more pairing requests for now; the agent asks again "
                          "by itself");
        finding_set_advice(finding, "on the gateway machine see who waits");
        finding_set_fix(finding, "openclaw pairing list");
    } else if (outcome->request_id.text[0] != '\0') {
        finding_set_advice(
            finding,
            "if it was not approved since, and is the device you expect, on the gateway machine "
            "run");
        finding_set_fix(finding, "openclaw devices approve %s", outcome->request_id.text);
    } else {
        finding_set_advice(finding,
                           "ask the gateway's administrator, then let the agent ask again");
        finding_set_fix(finding, "%s agent run --gateway URL", doctor->openclaw);
    }
}

static void find_refusal(struct doctor *doctor, const char *name, const char *url,
                         const struct oc_outcome *outcome, const char *ago)
{
    char request[64] = "";
    char word[80] = "Gateway pairing required";
    if (outcome->request_id.text[0] != '\0') {
        (void)snprintf(request, sizeof request, ", request %s awaits approval",
                       outcome->request_id.text);
    }
    if (outcome->refusal != OC_REFUSAL_PAIRING_REQUIRED) {
        bool is_forbidden = oc_refusal_http_status(outcome->refusal) == 403;
        (void)snprintf(word, sizeof word, "%s%.40s", is_forbidden ? "403 Forbidden: " : "",
                       oc_refusal_name(outcome->refusal));
    }
    struct finding *finding =
        doctor_find(doctor, name, FINDING_FAIL, "%s (%s)%s", word, ago, request);
    explain_refusal(doctor, finding, outcome);
    if (finding->fix[0] != '\0' && strstr(finding->fix, "--gateway URL")) {
        finding_set_fix(finding, "%s agent run --gateway %s", doctor->openclaw, url);
    }
}

static void find_failure(struct doctor *doctor, const char *name, const char *url,
                         const struct oc_outcome *outcome, const char *ago)
{
    struct finding *finding =
        doctor_find(doctor, name, FINDING_WARN, "%s the agent's last attempt failed: %.400s", ago,
                    outcome->text[0] ? outcome->text : oc_status_name(outcome->status));
    if (outcome->status == OC_ABORTED) {
        finding_set_cause(finding, "two agents use one identity, and the newest wins: is this data "
                                   "directory copied or mounted twice?");
        finding_set_advice(finding, "give each agent a data directory of its own");
        return;
    }
    finding_set_cause(finding, "see reachability and trust above for how it is now");
    finding_set_advice(finding, "an agent that runs tries again by itself; else start it");
    finding_set_fix(finding, "%s agent run --gateway %s", doctor->openclaw, url);
}

static void find_other_key(struct doctor *doctor, const char *name,
                           const struct oc_outcome *outcome, const char *ago)
{
    char id[OC_DEVICE_ID_DIGITS + 1];
    oc_device_id_format(&outcome->device_id, id);
    struct finding *finding =
        doctor_find(doctor, name, FINDING_WARN, "%s it answered another device, %s", ago, id);
    finding_set_cause(finding, "identity/device.key is not the one it was: the gateway will ask to "
                               "pair this device anew");
    finding_set_advice(finding, "restore the old key from a backup, or approve the new device and "
                                "on the gateway machine remove the old one");
    finding_set_fix(finding, "openclaw devices remove %s", id);
}

static void find_answer(struct doctor *doctor, const char *url)
{
    static const char name[] = "answer";
    struct oc_outcome outcome;
    struct oc_error err;
    char ago[MOMENT_BYTES + 8];
    enum oc_status status = oc_agent_last_outcome(doctor->data_dir, url, &outcome, &err);
    if (status) {
        struct finding *finding = doctor_find(doctor, name, FINDING_SKIPPED,
                                              "this host's agent has not asked %s yet", url);
        if (status != OC_NOT_FOUND) {
            finding_set_cause(finding, "%s", err.text);
        } else {
            finding_set_cause(finding,
                              "only an agent asks for a session; a doctor does not, as the "
                              "newest session of a device ends the one before");
            finding_set_advice(finding, "ask once");
            finding_set_fix(finding, "%s agent run --gateway %s --once", doctor->openclaw, url);
        }
        return;
    }
    format_ago(doctor, outcome.at_ms, ago);
    if (doctor->has_identity && !oc_device_id_equal(&outcome.device_id, &doctor->device_id)) {
        find_other_key(doctor, name, &outcome, ago);
    } else if (outcome.kind == OC_OUTCOME_REFUSED) {
        find_refusal(doctor, name, url, &outcome, ago);
    } else if (outcome.kind == OC_OUTCOME_FAILED) {
        find_failure(doctor, name, url, &outcome, ago);
    } else {
        (void)doctor_find(doctor, name, FINDING_OK, "%s it gave this device a session", ago);
    }
}

/* ---- every gateway --------------------------------------------------------------------------- */

static void look_at(struct doctor *doctor, const char *url)
{
    const struct arguments *args = &doctor->cli->args;
    const struct oc_probe_options options = {
        .gateway_url = url,
        .data_dir = doctor->data_dir,
        .n_pins = doctor->pins.n_pins,
        .pins = doctor->pins.pins,
        .ca_file = arguments_value(args, OPT_CA),
        .server_name = arguments_value(args, OPT_SERVER_NAME),
        .timeout_ms = doctor->cli->timeout_ms,
    };
    struct oc_probe probe;
    struct oc_error err;
    if (oc_probe_gateway(&options, &probe, &err)) {
        struct finding *finding =
            doctor_find(doctor, "reachability", FINDING_SKIPPED, "%s was not tried", url);
        finding_set_cause(finding, "%s", err.text);
        return;
    }
    find_reach(doctor, url, &probe);
    find_trust(doctor, url, &probe);
    find_answer(doctor, url);
}

void doctor_look_at_gateways(struct doctor *doctor)
{
    const char *named = arguments_value(&doctor->cli->args, OPT_GATEWAY);
    struct oc_known_gateway gateways[OC_MAX_KNOWN_GATEWAYS];
    struct oc_error err;
    size_t n = 0;
    if (named) {
        look_at(doctor, named);
        return;
    }
    if (oc_list_gateways(doctor->data_dir, gateways, &n, &err)) {
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (gateways[i].url[0] != '\0') {
            look_at(doctor, gateways[i].url);
        }
    }
    if (n == 0) {
        struct finding *finding =
            doctor_find(doctor, "reachability", FINDING_SKIPPED, "no gateway is known here yet");
        finding_set_cause(finding, "no agent of this data directory met one");
        finding_set_advice(finding, "name one");
        finding_set_fix(finding, "%s doctor --gateway tls+tcp://HOST:18789", doctor->openclaw);
    }
}
