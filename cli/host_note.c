/* See host_note.h. */
#include "cli/host_note.h"

#include <stdio.h>

#define QUESTION "is the agent's data directory on a volume?"
#define VOLUME   "docker run -v /host/path/openclaw-data:/root/.openclaw your-openclaw-image"

static struct seen_host *find(struct host_note *note, uint64_t group)
{
    for (size_t i = 0; i < note->n; i++) {
        if (note->hosts[i].group == group) {
            return &note->hosts[i];
        }
    }
    if (note->n == HOST_NOTE_SEEN_MOST) {
        return NULL;
    }
    note->hosts[note->n] = (struct seen_host){.group = group};
    return &note->hosts[note->n++];
}

void host_note_see(struct host_note *note, const struct oc_device *device)
{
    struct seen_host *host = device->host_group != 0 ? find(note, device->host_group) : NULL;
    if (!host) {
        return;
    }
    host->n_requests = device->n_same_host_requests;
    if (device->request_id.text[0] != '\0') {
        host->n_waiting++;
        if (device->requested_at_ms >= host->newest_ms) {
            host->newest = device->request_id;
            host->newest_ms = device->requested_at_ms;
        }
    }
    if (device->standing == OC_STANDING_APPROVED && !device->is_online) {
        host->n_offline++;
    }
}

static bool are_waiting(const struct seen_host *host)
{
    return host->n_waiting > 0 && host->n_requests >= HOST_NOTE_MANY;
}

static bool is_telling(const struct seen_host *host)
{
    return are_waiting(host) || host->n_offline >= HOST_NOTE_MANY;
}

static void tell_host(const struct seen_host *host, const struct terminal *terminal)
{
    if (are_waiting(host)) {
        terminal_say(terminal, "note: these %zu requests probably come from one host: " QUESTION,
                     host->n_requests);
        terminal_say(terminal, "  " VOLUME);
        terminal_say(terminal, "  %s is the newest of them; what nobody approves lapses by itself",
                     host->newest.text);
    } else {
        terminal_say(terminal,
                     "note: %zu pairings that are offline probably are of one host: " QUESTION,
                     host->n_offline);
        terminal_say(terminal, "  " VOLUME);
        terminal_say(terminal, "  end those that are gone:  openclaw devices remove DEVICE");
    }
}

void host_note_tell(const struct host_note *note, const struct terminal *terminal)
{
    size_t n_told = 0;
    size_t n_more = 0;
    for (size_t i = 0; i < note->n; i++) {
        if (!is_telling(&note->hosts[i])) {
            continue;
        }
        if (n_told == HOST_NOTE_HOSTS_MOST) {
            n_more++;
        } else {
            tell_host(&note->hosts[i], terminal);
            n_told++;
        }
    }
    if (n_more > 0) {
        terminal_say(terminal, "note: the same of %zu more hosts; see host_group in -o json",
                     n_more);
    }
}

void host_format(const struct oc_device *device, char out[HOST_TEXT_BYTES])
{
    out[0] = '\0';
    if (device->n_same_host_requests > 1) {
        (void)snprintf(out, HOST_TEXT_BYTES, "probably that of %u requests: " QUESTION,
                       device->n_same_host_requests);
    } else if (device->n_same_host_devices > 1) {
        (void)snprintf(out, HOST_TEXT_BYTES, "probably that of %u devices here",
                       device->n_same_host_devices);
    }
}
