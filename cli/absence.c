/* Why nobody answers at the local door; see absence.h. */
#include "cli/absence.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct place {
    char data_dir[sizeof((struct sockaddr_un *)0)->sun_path];
    struct sockaddr_un door;
};

/* The local door of the gateway in this data directory; false if there is no such place. */
static bool find_place(const struct cli *cli, struct place *out)
{
    struct oc_error err;
    if (!cli->data_dir) {
        if (oc_default_data_dir(out->data_dir, sizeof out->data_dir, &err)) {
            return false;
        }
    } else {
        int length = snprintf(out->data_dir, sizeof out->data_dir, "%s", cli->data_dir);
        if (length < 0 || (size_t)length >= sizeof out->data_dir) {
            return false;
        }
    }
    out->door = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(out->door.sun_path, sizeof out->door.sun_path, "%s/gateway/admin.sock",
                     out->data_dir);
    return n > 0 && (size_t)n < sizeof out->door.sun_path;
}

/* Why nobody answers there: an errno, or 0 if somebody listens. */
static int probe(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return 0;
    }
    int result = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? 0 : errno;
    (void)close(fd);
    return result;
}

static bool is_there(const char *data_dir, const char *name)
{
    char path[2 * sizeof((struct sockaddr_un *)0)->sun_path];
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/%s", data_dir, name);
    return lstat(path, &info) == 0;
}

/* An agent lives in this data directory, and no gateway ever did. */
static bool is_agents_place(const char *data_dir)
{
    return is_there(data_dir, "identity/device.key") && !is_there(data_dir, "gateway");
}

static void advise_context(struct failure *failure)
{
    failure_advise(failure, "or from here, with a bundle of that gateway:  openclaw context add "
                            "--help");
}

static void say_nobody_answers(struct failure *failure, const struct place *place)
{
    failure_set(failure, EXIT_UNAVAILABLE, "no gateway runs here: nothing answers at %s",
                place->door.sun_path);
    failure->is_absent = true;
    if (is_agents_place(place->data_dir)) {
        failure_advise(failure,
                       "%s holds an agent's identity and no gateway: this is the agent's "
                       "machine",
                       place->data_dir);
        failure_advise(failure, "log in to the machine where the gateway runs, and run the same "
                                "command there");
        advise_context(failure);
        return;
    }
    failure_advise(failure, "start it:  openclaw gateway run");
    failure_advise(failure, "approving and listing must be done on the machine where the "
                            "gateway runs, with its data directory (--data-dir)");
    advise_context(failure);
}

bool absence_explain(struct failure *failure, const struct cli *cli, enum oc_status status,
                     const struct oc_error *err)
{
    struct place place;
    bool may_be_absent = status == OC_UNAVAILABLE || status == OC_DEADLINE_EXCEEDED;
    if ((!may_be_absent && status != OC_PERMISSION_DENIED) || err->is_not_durable ||
        err->is_outcome_unknown || !find_place(cli, &place)) {
        return false;
    }
    int why = probe(&place.door);
    if (may_be_absent && (why == ENOENT || why == ECONNREFUSED || why == ENOTDIR)) {
        say_nobody_answers(failure, &place);
        return true;
    }
    if (why == EACCES || why == EPERM) {
        failure_set(failure, EXIT_FORBIDDEN, "user %u may not open %s", (unsigned)geteuid(),
                    place.door.sun_path);
        failure_advise(failure, "run this as root or as the user the gateway runs under");
        return true;
    }
    return false;
}
