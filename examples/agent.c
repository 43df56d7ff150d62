/*
 * An agent in a hundred lines, on the public headers alone: it connects to a gateway, prints what
 * it is told to do when it is refused, waits for the approval, stays connected and comes back.
 *
 *     example_agent tls+tcp://gw.example:18789 [DATA_DIR [sha256:PIN]]
 */
#include <openclaw/pairing.h>
#include <signal.h>
#include <stdio.h>

static struct oc_agent *agent; /* for the signal handler */

/* ---- callbacks: on the agent's own thread, one at a time ---------------------------------- */

static void on_first_use(void *user, const struct oc_digest *pin)
{
    (void)user;
    printf("first contact: trusting the key sha256:");
    for (size_t i = 0; i < sizeof pin->bytes; i++) {
        printf("%02x", pin->bytes[i]);
    }
    printf("\n");
}

static void on_refused(void *user, const struct oc_refusal *refusal)
{
    (void)user;
    printf("%s", refusal->text); /* says why, and what to run on the gateway machine */
}

static void on_connected(void *user, const struct oc_session *session)
{
    (void)user;
    printf("connected as %s\n", session->granted.role);
}

static void on_disconnected(void *user, const struct oc_error *err, uint32_t retry_ms)
{
    (void)user;
    printf("not connected (%s); again in %u ms\n", err->text, (unsigned)retry_ms);
}

static void on_stopped(void *user, enum oc_status why, const struct oc_error *err)
{
    (void)user;
    printf("stopped: %s%s%s\n", oc_status_name(why), err->text[0] ? ": " : "", err->text);
}

/* ---- the program ------------------------------------------------------------------------- */

static void on_signal(int number)
{
    (void)number;
    oc_agent_stop(agent); /* NOLINT(bugprone-signal-handler,cert-sig30-c): its contract allows it */
}

int main(int argc, char **argv)
{
    static const struct oc_agent_ops ops = {.trusted_first_use = on_first_use,
                                            .refused = on_refused,
                                            .connected = on_connected,
                                            .disconnected = on_disconnected,
                                            .stopped = on_stopped};
    struct oc_agent_options options = {.ops = &ops, .name = "example"};
    struct oc_digest pin;
    struct oc_error err;
    if (argc < 2 || argc > 4 || (argc == 4 && !oc_pin_parse(argv[3], &pin))) {
        (void)fprintf(stderr, "usage: example_agent URL [DATA_DIR [sha256:PIN]]\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    options.gateway_url = argv[1];
    options.data_dir = argc > 2 ? argv[2] : NULL;
    options.pins = &pin;
    options.n_pins = argc > 3 ? 1 : 0;
    if (oc_agent_start(&options, &agent, &err) != OC_OK) {
        (void)fprintf(stderr, "example_agent: %s\n", err.text);
        return 1;
    }
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    enum oc_status end = oc_agent_wait(agent);
    oc_agent_free(agent);
    return end == OC_OK ? 0 : end == OC_PERMISSION_DENIED ? 5 : 1;
}
