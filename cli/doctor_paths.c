/* See doctor.h: owners, modes, and where a directory lies. */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/mounts.h"

enum {
    MODE_BITS = 07777,
};

const struct path_demand demand_data_dir = {
    .is_dir = true, .forbidden = S_IWGRP | S_IWOTH, .wanted = 0700};
const struct path_demand demand_private_dir = {
    .is_dir = true, .must_be_ours = true, .forbidden = S_IRWXG | S_IRWXO, .wanted = 0700};
const struct path_demand demand_private_file = {
    .must_be_ours = true, .forbidden = S_IRWXG | S_IRWXO, .wanted = 0600};
const struct path_demand demand_config_file = {.forbidden = S_IWGRP | S_IWOTH, .wanted = 0600};

/* ---- owners and modes ------------------------------------------------------------------------ */

static void format_user(uid_t uid, char out[80])
{
    const struct passwd *user = getpwuid(uid);
    if (user) {
        (void)snprintf(out, 80, "%.48s (uid %u)", user->pw_name, (unsigned)uid);
    } else {
        (void)snprintf(out, 80, "uid %u", (unsigned)uid);
    }
}

static bool is_owner_good(const struct doctor *doctor, const struct stat *facts,
                          const struct path_demand *demand)
{
    if (facts->st_uid == doctor->owner) {
        return true;
    }
    /* A bind mount keeps its owner outside; root in a container may use it. */
    return !demand->must_be_ours && (facts->st_uid == 0 || geteuid() == 0);
}

/* Root, on the files of the user that the agent runs as: nothing need be wrong. */
static void find_other_user(struct doctor *doctor, const char *name, const char *path,
                            const struct stat *facts, const char *owner)
{
    char word[QUOTED_BYTES];
    struct finding *finding =
        doctor_find(doctor, name, FINDING_WARN, "%s belongs to %s, and this is root", path, owner);
    finding_set_cause(finding, "only the user that owns it can use it, root cannot; what root sees "
                               "is not what that user's agent sees");
    finding_set_advice(finding, "look, and run the agent, as that user");
    finding_set_fix(finding, "sudo -u '#%u' openclaw --data-dir %s doctor", (unsigned)facts->st_uid,
                    shell_word(doctor->data_dir, word));
    doctor->is_others = true;
}

static void find_owner(struct doctor *doctor, const char *name, const char *path,
                       const struct stat *facts)
{
    char owner[80];
    char wanted[80];
    char word[QUOTED_BYTES];
    bool is_root = geteuid() == 0;
    format_user(facts->st_uid, owner);
    format_user(doctor->owner, wanted);
    if (is_root && doctor->owner == 0) {
        find_other_user(doctor, name, path, facts, owner);
        return;
    }
    struct finding *finding =
        doctor_find(doctor, name, FINDING_FAIL, "%s belongs to %s, wanted %s", path, owner, wanted);
    finding_set_cause(finding,
                      "only the user that owns it can use it: was it made by a command that "
                      "ran as %s?",
                      owner);
    finding_set_advice(finding, is_root
                                    ? "give it to the user that the gateway runs as"
                                    : "run this as the user that owns it; or, if it is meant for "
                                      "this user");
    finding_set_fix(finding, "%schown -R %u %s", is_root ? "" : "sudo ", doctor->owner,
                    shell_word(path, word));
}

static void find_mode(struct doctor *doctor, const char *name, const char *path,
                      const struct stat *facts, const struct path_demand *demand)
{
    char word[QUOTED_BYTES];
    unsigned mode = facts->st_mode & MODE_BITS;
    bool may_write = (mode & (S_IWGRP | S_IWOTH)) != 0;
    struct finding *finding = doctor_find(
        doctor, name, FINDING_FAIL, "%s has mode %04o, wanted %04o", path, mode, demand->wanted);
    finding_set_cause(finding, "other users of this machine can %s it; it is refused like this",
                      may_write ? "change" : "read");
    finding_set_fix(finding, "chmod %o %s", demand->wanted, shell_word(path, word));
}

static void find_kind(struct doctor *doctor, const char *name, const char *path,
                      const struct stat *facts, const struct path_demand *demand)
{
    const char *wanted = demand->is_dir ? "a directory" : "a regular file";
    const char *found = S_ISLNK(facts->st_mode) ? "a symbolic link" : "something else";
    struct finding *finding =
        doctor_find(doctor, name, FINDING_FAIL, "%s is %s, wanted %s", path, found, wanted);
    finding_set_cause(finding, "nothing here is reached through links, as they can be redirected");
    finding_set_advice(finding, "move it away and put %s in its place", wanted);
}

bool doctor_check_path(struct doctor *doctor, const char *name, const char *path,
                       const struct path_demand *demand)
{
    struct stat facts;
    /* The data directory itself may be a link: a volume is often reached through one. */
    int failed = demand->must_be_ours ? lstat(path, &facts) : stat(path, &facts);
    if (failed && errno == ENOENT) {
        return false;
    }
    if (failed) {
        struct finding *finding = doctor_find(doctor, name, FINDING_FAIL,
                                              "%s cannot be looked at: %s", path, strerror(errno));
        finding_set_cause(finding, "this user may not enter a directory above it");
        finding_set_advice(finding, "run this as the user that owns it");
        return false;
    }
    if (demand->is_dir ? !S_ISDIR(facts.st_mode) : !S_ISREG(facts.st_mode)) {
        find_kind(doctor, name, path, &facts, demand);
        return false;
    }
    bool is_owned = is_owner_good(doctor, &facts, demand);
    bool is_closed = (facts.st_mode & demand->forbidden) == 0;
    if (!is_owned) {
        find_owner(doctor, name, path, &facts);
    }
    if (!is_closed) {
        find_mode(doctor, name, path, &facts, demand);
    }
    return is_owned && is_closed;
}

bool doctor_check_files(struct doctor *doctor, const char *name, const char *dir)
{
    DIR *entries = opendir(dir);
    bool is_good = true;
    for (struct dirent *entry = entries ? readdir(entries) : NULL; entry;
         entry = readdir(entries)) {
        char path[DOCTOR_PATH_BYTES + 256];
        struct stat facts;
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        bool is_file = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
                       lstat(path, &facts) == 0 && !S_ISSOCK(facts.st_mode);
        if (is_file && !doctor_check_path(doctor, name, path, &demand_private_file)) {
            is_good = false;
        }
    }
    if (entries) {
        (void)closedir(entries);
    }
    return is_good;
}

/* ---- where it lies --------------------------------------------------------------------------- */

static void advise_volume(struct finding *finding, const char *path, const char *container)
{
    char word[QUOTED_BYTES];
    const char *program = container && strcmp(container, "podman") == 0 ? "podman" : "docker";
    if (container && strcmp(container, "kubernetes") == 0) {
        finding_set_advice(finding, "mount a persistentVolumeClaim at %s", path);
        return;
    }
    finding_set_advice(finding, "start the container with a volume there");
    finding_set_fix(finding, "%s run -v openclaw-data:%s ...", program, shell_word(path, word));
}

void doctor_check_place(struct doctor *doctor, const char *name, const char *path, const char *what)
{
    struct mount_facts facts;
    const char *container = mount_container();
    enum mount_kind kind = mount_of(path, &facts);
    const char *inside = container ? ", in a container" : "";
    struct finding *finding = NULL;
    switch (kind) {
    case MOUNT_KEPT:
        (void)doctor_find(doctor, name, FINDING_OK, "%s is kept on %s (%s)%s", path, facts.point,
                          facts.type, inside);
        return;
    case MOUNT_UNKNOWN:
        finding =
            doctor_find(doctor, name, FINDING_SKIPPED, "%s: where it lies is not known", path);
        finding_set_cause(finding, "/proc/self/mountinfo cannot be read");
        return;
    case MOUNT_IN_MEMORY:
        finding = doctor_find(doctor, name, FINDING_WARN, "%s lies in memory (%s at %s)", path,
                              facts.type, facts.point);
        finding_set_cause(finding, "%s is lost with the next start of this machine or container",
                          what);
        break;
    case MOUNT_LAYER:
        finding = doctor_find(doctor, name, FINDING_WARN,
                              "%s lies in the container's own layer (%s)", path, facts.type);
        finding_set_cause(finding,
                          "%s is lost with the container: the next one is a new device, or "
                          "a gateway without records, and must be paired again",
                          what);
        break;
    }
    if (container || kind == MOUNT_LAYER) {
        advise_volume(finding, path, container);
    } else {
        finding_set_advice(finding, "move it to a disk and name it with --data-dir");
    }
}
