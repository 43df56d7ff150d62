/*
 * What a list of devices tells about hosts: many requests from what is probably one of them are
 * mostly one agent that loses its identity at every start. Claims only, so it is put as a question.
 */
#pragma once

#include <openclaw/admin.h>

#include "cli/terminal.h"

enum {
    HOST_NOTE_MANY = 3,       /* requests or lost identities of one host that are worth a note */
    HOST_NOTE_HOSTS_MOST = 3, /* hosts told of in full; the others are counted */
    HOST_NOTE_SEEN_MOST = 256,
};

struct seen_host {
    uint64_t group;
    size_t n_waiting;  /* listed */
    size_t n_offline;  /* listed, paired and not online */
    size_t n_requests; /* that the gateway counts */
    struct oc_request_id newest;
    int64_t newest_ms;
};

struct host_note {
    size_t n;
    struct seen_host hosts[HOST_NOTE_SEEN_MOST]; /* of a longer list, the first ones */
};

/* Takes note of one listed device. *note starts as zeros. */
void host_note_see(struct host_note *note, const struct oc_device *device);
/* Says on err what there is to say, after the list. */
void host_note_tell(const struct host_note *note, const struct terminal *terminal);

enum {
    HOST_TEXT_BYTES = 160,
};
/* The same in one line, for the sheet of one device; "" if it is the only one of its host. */
void host_format(const struct oc_device *device, char out[HOST_TEXT_BYTES]);
