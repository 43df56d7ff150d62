/* See examination.h: the configuration, what it opens, and the local socket. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/config/network.h"
#include "server/doctor/examination.h"

void examine_config(struct examination *examination)
{
    struct oc_error err;
    struct config ignored;
    const char *path = examination->config_path;
    if (examination->is_config_valid) {
        const struct report report =
            examination->has_config_file
                ? report_make("configuration", REPORT_OK, "%s is valid", path)
                : report_make("configuration", REPORT_OK, "no gateway.yaml: the defaults hold");
        report_print(examination->out, &report);
        return;
    }
    if (app_load_config(examination->options, &ignored, &err) == OC_OK) {
        return; /* mended meanwhile */
    }
    struct report report = report_make("configuration", REPORT_FAIL, "%s", err.text);
    report_set(report.cause, "a gateway does not start with it, and one that runs keeps what it "
                             "read before; the findings below are for the defaults");
    report_set(report.advice, "correct it as said, then check it with");
    report_set(report.fix, "%s gateway check-config", examination->openclaw);
    report_print(examination->out, &report);
}

/* ---- who is let in --------------------------------------------------------------------------- */

static const char *const reach_words[LISTEN_REACH_COUNT] = {
    [LISTEN_LOOPBACK] = "this machine only",
    [LISTEN_PRIVATE] = "a private network",
    [LISTEN_ELSEWHERE] = "any network that reaches it",
};

void examine_pairing(struct examination *examination)
{
    const struct config *config = &examination->config;
    const enum listen_reach reach = config_devices_reach(config);
    if (config->pairing_required) {
        const struct report report =
            report_make("pairing", REPORT_OK, "required: no device is let in unapproved");
        report_print(examination->out, &report);
        return;
    }
    struct report report =
        report_make("pairing", reach == LISTEN_ELSEWHERE ? REPORT_FAIL : REPORT_WARN,
                    "SWITCHED OFF: every device from %s is let in, with role %s and %u scopes",
                    config->trusted_networks.n > 0 ? "trustedNetworks" : reach_words[reach],
                    config->default_grant.role, config->default_grant.n_scopes);
    report_set(report.cause, "pairingRequired: false in %s", examination->config_path);
    report_set(report.advice, "unless that is meant, require pairing, and restart the gateway");
    report_set(report.fix, "sed -i 's/^pairingRequired:.*/pairingRequired: true/' '%.900s'",
               examination->config_path);
    report_print(examination->out, &report);
}

void examine_exposure(struct examination *examination)
{
    const struct config_urls *devices = &examination->config.listen.devices;
    for (size_t i = 0; i < devices->n; i++) {
        struct listen_url url;
        if (!listen_url_parse(devices->items[i], "tls+tcp", &url)) {
            continue;
        }
        struct report report = report_make("exposure", REPORT_OK, "%s can be reached from %s",
                                           devices->items[i], reach_words[url.reach]);
        if (url.reach == LISTEN_LOOPBACK) {
            report_set(report.advice, "for agents on other machines set listen.devices to an "
                                      "address that they reach, as in tls+tcp://0.0.0.0:18789");
        }
        report_print(examination->out, &report);
    }
}

/* ---- the local socket ------------------------------------------------------------------------ */

/* 0 if somebody accepts there, else why not. */
static int knock(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return errno;
    }
    const int error =
        connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    (void)close(fd);
    return error;
}

static void tell_obstacle(const struct examination *examination, const char *path)
{
    struct report report =
        report_make("local_socket", REPORT_FAIL, "%s is something else than a socket", path);
    report_set(report.cause, "a gateway never removes what is not its own, so it does not start");
    report_set(report.advice, "move it away");
    report_set(report.fix, "mv '%.480s' '%.480s.aside'", path, path);
    report_print(examination->out, &report);
}

static void tell_silence(const struct examination *examination, const char *path, int error)
{
    struct report report =
        report_make("local_socket", REPORT_FAIL, "%s does not answer: %s", path, strerror(error));
    report_set(report.cause, "a gateway holds the lock, but nothing listens there: the socket was "
                             "removed or replaced, or the gateway is starting or stopping");
    report_set(report.advice, "stop it and start it again: what was acknowledged is on disk");
    if (examination->pid > 0) {
        report_set(report.fix, "kill %ld", examination->pid);
    }
    report_print(examination->out, &report);
}

void examine_socket(struct examination *examination)
{
    const char *path = examination->config.listen.local + strlen("ipc://");
    struct stat facts;
    const bool exists = lstat(path, &facts) == 0;
    if (exists && !S_ISSOCK(facts.st_mode)) {
        tell_obstacle(examination, path);
        return;
    }
    const int error = exists ? knock(path) : ENOENT;
    if (examination->pid != 0 && error != 0 && error != EACCES && error != EAGAIN) {
        tell_silence(examination, path, error);
        return;
    }
    struct report report =
        error == 0 ? report_make("local_socket", REPORT_OK, "%s answers", path)
        : exists
            ? report_make("local_socket", REPORT_OK,
                          "%s is left from a gateway that ended; the next start replaces it", path)
            : report_make("local_socket", REPORT_OK, "%s, a path of %zu bytes, at most %d", path,
                          strlen(path), CONFIG_MAX_SOCKET_PATH_BYTES);
    report_print(examination->out, &report);
}
