/* What lies under gateways/, read and noted for openclaw/diagnose.h. */
#include "client/known_gateways.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/keystore.h"
#include "client/outcome.h"
#include "client/private_dir.h"
#include "proto/base/cleanup.h"

enum {
    STEM_BYTES = OC_GATEWAY_FILE_NAME_BYTES,
};

static const char gateways_dir[] = "gateways";

/* ---- the last outcome ---------------------------------------------------------------------- */

void oc_note_outcome(const char *data_dir, const struct oc_gateway_address *address,
                     const struct oc_outcome *outcome)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    char name[STEM_BYTES];
    char text[OC_OUTCOME_BYTES];
    if (oc_keystore_open_subdir(data_dir, gateways_dir, true, &dir, NULL)) {
        return;
    }
    oc_outcome_file_name(address, name, sizeof name);
    size_t n = oc_outcome_format(address->url, outcome, text);
    if (n > 0 && oc_private_file_jot(&dir, name, text, n, NULL)) {
        return; /* then there is none */
    }
}

static enum oc_status read_outcome(const struct oc_private_dir *dir, const char *name,
                                   char url[OC_GATEWAY_URL_BYTES], struct oc_outcome *out,
                                   struct oc_error *err)
{
    char text[OC_OUTCOME_BYTES];
    size_t n = 0;
    enum oc_status st = oc_private_file_read(dir, name, text, sizeof text, &n, err);
    if (st) {
        return st;
    }
    struct oc_error cause = {.status = OC_OK};
    return oc_outcome_parse(text, n, url, out, &cause)
               ? oc_fail(err, OC_DATA_LOSS, "%s/%s: %.120s", dir->path, name, cause.text)
               : OC_OK;
}

enum oc_status oc_agent_last_outcome(const char *data_dir, const char *gateway_url,
                                     struct oc_outcome *out, struct oc_error *err)
{
    struct oc_gateway_address address;
    enum oc_status st = oc_gateway_address_parse(gateway_url, &address, err);
    if (st) {
        return st;
    }
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    st = oc_keystore_open_subdir(data_dir, gateways_dir, false, &dir, err);
    if (st) {
        return st;
    }
    char name[STEM_BYTES];
    char url[OC_GATEWAY_URL_BYTES];
    struct oc_outcome found;
    oc_outcome_file_name(&address, name, sizeof name);
    st = read_outcome(&dir, name, url, &found, err);
    if (st == OC_OK && strcmp(url, address.url) != 0) {
        st = oc_fail(err, OC_DATA_LOSS, "%s/%s: it is about another gateway", dir.path, name);
    }
    if (st == OC_OK) {
        *out = found;
    }
    return st;
}

/* ---- the list ------------------------------------------------------------------------------ */

/* The stems of what is a record or a note: "gw.example_18789-1f2e3d4c". */
struct stems {
    char names[OC_MAX_KNOWN_GATEWAYS][STEM_BYTES];
    size_t n;
};

static void add_stem(struct stems *stems, const char *name, const char *suffix)
{
    size_t n = strlen(name);
    size_t n_suffix = strlen(suffix);
    if (name[0] == '.' || n <= n_suffix || n - n_suffix >= STEM_BYTES - sizeof ".yaml" ||
        strcmp(name + n - n_suffix, suffix) != 0) {
        return;
    }
    char stem[STEM_BYTES];
    (void)snprintf(stem, sizeof stem, "%.*s", (int)(n - n_suffix), name);
    for (size_t i = 0; i < stems->n; i++) {
        if (strcmp(stems->names[i], stem) == 0) {
            return;
        }
    }
    if (stems->n < OC_MAX_KNOWN_GATEWAYS) {
        memcpy(stems->names[stems->n++], stem, sizeof stem);
    }
}

static enum oc_status read_stems(const struct oc_private_dir *dir, struct stems *stems,
                                 struct oc_error *err)
{
    int fd = dup(dir->fd);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return oc_fail(err, OC_INTERNAL, "%s: cannot be listed", dir->path);
    }
    rewinddir(entries);
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        add_stem(stems, entry->d_name, ".yaml");
        add_stem(stems, entry->d_name, ".last");
    }
    (void)closedir(entries);
    return OC_OK;
}

static int compare_stems(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* One gateway, of which there may be a record, a note, or both. False: neither can be read. */
static bool describe(const struct oc_private_dir *dir, const char *stem,
                     struct oc_known_gateway *out)
{
    struct oc_gateway_record record;
    struct oc_outcome outcome;
    struct oc_error err = {.status = OC_OK};
    char name[STEM_BYTES];
    char text[OC_GATEWAY_RECORD_BYTES];
    size_t n = 0;
    *out = (struct oc_known_gateway){.n_sessions = 0};
    (void)snprintf(name, sizeof name, "%.*s.yaml", (int)(STEM_BYTES - sizeof ".yaml"), stem);
    enum oc_status st = oc_private_file_read(dir, name, text, sizeof text, &n, &err);
    st = st ? st : oc_gateway_record_parse(text, n, &record, &err);
    if (st == OC_NOT_FOUND) {
        (void)snprintf(name, sizeof name, "%.*s.last", (int)(STEM_BYTES - sizeof ".last"), stem);
        return read_outcome(dir, name, out->url, &outcome, &err) == OC_OK;
    }
    (void)snprintf(out->file, sizeof out->file, "%s", name);
    if (st) {
        (void)snprintf(out->damage, sizeof out->damage, "%.120s", err.text);
        return true;
    }
    memcpy(out->url, record.url, sizeof out->url);
    out->trust = record.trust;
    out->n_sessions = record.n_sessions;
    out->receipt_at_ms = record.receipt.n_signature > 0 ? record.receipt.issued_at_ms : 0;
    return true;
}

enum oc_status oc_list_gateways(const char *data_dir,
                                struct oc_known_gateway out[OC_MAX_KNOWN_GATEWAYS], size_t *n,
                                struct oc_error *err)
{
    OC_CLEANUP(oc_private_dir_close) struct oc_private_dir dir = {.fd = -1};
    enum oc_status st = oc_keystore_open_subdir(data_dir, gateways_dir, false, &dir, err);
    if (st) {
        return st;
    }
    struct stems *stems = calloc(1, sizeof *stems);
    if (!stems) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "gateways: out of memory");
    }
    st = read_stems(&dir, stems, err);
    size_t n_found = 0;
    if (st == OC_OK) {
        qsort(stems->names, stems->n, sizeof stems->names[0], compare_stems);
        for (size_t i = 0; i < stems->n; i++) {
            n_found += describe(&dir, stems->names[i], &out[n_found]);
        }
        *n = n_found;
    }
    free(stems);
    return st;
}
