/* See mounts.h. */
#include "cli/mounts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- reading mountinfo ----------------------------------------------------------------------- */

/* Blanks and newlines in paths are written as \040. */
static void unescape(const char *text, char *out, size_t cap)
{
    size_t n = 0;
    while (*text && n + 1 < cap) {
        if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] && text[3]) {
            out[n++] = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
            text += 4;
        } else {
            out[n++] = *text++;
        }
    }
    out[n] = '\0';
}

/* "36 35 98:0 /root /point options [fields] - type source options" */
static bool parse_line(char *line, struct mount_facts *out)
{
    char *rest = NULL;
    char *words[5] = {NULL};
    for (size_t i = 0; i < 5; i++) {
        words[i] = strtok_r(i == 0 ? line : NULL, " ", &rest);
        if (!words[i]) {
            return false;
        }
    }
    const char *word = strtok_r(NULL, " ", &rest);
    while (word && strcmp(word, "-") != 0) {
        word = strtok_r(NULL, " ", &rest);
    }
    const char *type = word ? strtok_r(NULL, " ", &rest) : NULL;
    if (!type) {
        return false;
    }
    unescape(words[3], out->root, sizeof out->root);
    unescape(words[4], out->point, sizeof out->point);
    (void)snprintf(out->type, sizeof out->type, "%s", type);
    return true;
}

/* Whether `path` is `point` or lies below it. */
static bool holds(const char *point, const char *path)
{
    size_t n = strlen(point);
    return strcmp(point, "/") == 0 ||
           (strncmp(point, path, n) == 0 && (path[n] == '\0' || path[n] == '/'));
}

bool mount_find(FILE *lines, const char *path, struct mount_facts *out)
{
    char *line = NULL;
    size_t cap = 0;
    size_t best = 0;
    while (getline(&line, &cap, lines) > 0) {
        struct mount_facts facts;
        if (parse_line(line, &facts) && holds(facts.point, path) && strlen(facts.point) >= best) {
            best = strlen(facts.point);
            *out = facts;
        }
    }
    free(line);
    return best > 0;
}

/* ---- judging --------------------------------------------------------------------------------- */

static bool is_one_of(const char *word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

enum mount_kind mount_judge(const struct mount_facts *facts, bool is_container)
{
    static const char *const in_memory[] = {"tmpfs", "ramfs", "rootfs"};
    static const char *const layers[] = {"overlay", "aufs", "fuse.fuse-overlayfs", "unionfs"};
    if (is_one_of(facts->type, in_memory, sizeof in_memory / sizeof in_memory[0])) {
        return MOUNT_IN_MEMORY;
    }
    if (is_one_of(facts->type, layers, sizeof layers / sizeof layers[0])) {
        return MOUNT_LAYER;
    }
    if (strstr(facts->root, "/kubernetes.io~empty-dir/")) {
        return MOUNT_LAYER; /* a volume, but one that ends with its pod */
    }
    /* Container engines without overlays give a part of a disk as the whole root. */
    bool is_part = strcmp(facts->root, "/") != 0;
    return is_container && strcmp(facts->point, "/") == 0 && is_part ? MOUNT_LAYER : MOUNT_KEPT;
}

/* ---- this process ---------------------------------------------------------------------------- */

static bool file_has(const char *path, const char *part)
{
    char line[1024];
    bool is_found = false;
    FILE *file = fopen(path, "re");
    while (file && !is_found && fgets(line, sizeof line, file)) {
        is_found = strstr(line, part) != NULL;
    }
    if (file) {
        (void)fclose(file);
    }
    return is_found;
}

const char *mount_container(void)
{
    const char *named = getenv("container"); /* systemd-nspawn, podman and others set it */
    if (access("/.dockerenv", F_OK) == 0) {
        return "docker";
    }
    if (access("/run/.containerenv", F_OK) == 0) {
        return "podman";
    }
    if (getenv("KUBERNETES_SERVICE_HOST")) {
        return "kubernetes";
    }
    if ((named && *named) || file_has("/proc/1/cgroup", "docker") ||
        file_has("/proc/1/cgroup", "kubepods") || file_has("/proc/1/cgroup", "lxc")) {
        return "a container";
    }
    return NULL;
}

/* The path without links, or that of the nearest directory above that exists. */
static bool resolve(const char *path, char out[PATH_MAX])
{
    char part[PATH_MAX];
    int n = snprintf(part, sizeof part, "%s", path);
    if (n <= 0 || (size_t)n >= sizeof part) {
        return false;
    }
    while (!realpath(part, out)) {
        char *slash = strrchr(part, '/');
        if (!slash) {
            return realpath(".", out) != NULL;
        }
        slash[slash == part ? 1 : 0] = '\0';
    }
    return true;
}

enum mount_kind mount_of(const char *path, struct mount_facts *out)
{
    char resolved[PATH_MAX];
    FILE *lines = fopen("/proc/self/mountinfo", "re");
    bool is_known = lines && resolve(path, resolved) && mount_find(lines, resolved, out);
    if (lines) {
        (void)fclose(lines);
    }
    return is_known ? mount_judge(out, mount_container() != NULL) : MOUNT_UNKNOWN;
}
