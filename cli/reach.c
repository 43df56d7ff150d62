/* Looks for a gateway within an agent's reach; see reach.h. */
#include "cli/reach.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_BYTES = 4096,
};

static bool is_reachable_directory(const char *data_dir, char *out, size_t cap)
{
    char path[PATH_BYTES];
    struct stat info;
    int n = snprintf(path, sizeof path, "%s/gateway", data_dir);
    if (n < 0 || (size_t)n >= sizeof path || stat(path, &info) != 0 || !S_ISDIR(info.st_mode) ||
        access(path, R_OK | X_OK) != 0) {
        return false;
    }
    (void)snprintf(out, cap, "this user can read the gateway's directory %s", path);
    return true;
}

/* The kernel keeps 15 characters of a program's name. */
static bool is_gateway(const char *pid)
{
    char path[64];
    char name[32] = "";
    (void)snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    bool is_read = fgets(name, sizeof name, file) != NULL;
    (void)fclose(file);
    name[strcspn(name, "\n")] = '\0';
    return is_read && strcmp(name, "openclaw-gatewa") == 0;
}

static bool is_process_of_user(int proc_fd, const char *pid)
{
    struct stat info;
    return pid[0] >= '0' && pid[0] <= '9' && fstatat(proc_fd, pid, &info, 0) == 0 &&
           (info.st_uid == geteuid() || geteuid() == 0);
}

static bool find_process(char *out, size_t cap)
{
    DIR *proc = opendir("/proc");
    bool is_found = false;
    if (!proc) {
        return false;
    }
    for (struct dirent *entry = readdir(proc); entry && !is_found; entry = readdir(proc)) {
        is_found = is_process_of_user(dirfd(proc), entry->d_name) && is_gateway(entry->d_name);
        if (is_found) {
            (void)snprintf(out, cap,
                           "a gateway (process %.20s) runs under a user this agent can "
                           "act as",
                           entry->d_name);
        }
    }
    (void)closedir(proc);
    return is_found;
}

bool reach_find_gateway(const char *data_dir, char *out, size_t cap)
{
    return (data_dir && is_reachable_directory(data_dir, out, cap)) || find_process(out, cap);
}
