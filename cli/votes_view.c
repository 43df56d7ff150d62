/* See votes_view.h. A device says how many votes it has; whose they are is asked for when they are
 * shown. */
#include "cli/votes_view.h"

#include <inttypes.h>
#include <openclaw/votes.h>
#include <string.h>

#include "cli/escape.h"
#include "cli/failure.h"

void votes_format_briefly(const struct oc_device *device, char out[VOTES_BRIEF_BYTES])
{
    out[0] = '\0';
    if (device->n_votes_needed > 0) {
        (void)snprintf(out, VOTES_BRIEF_BYTES, " %" PRIu32 "/%" PRIu32 " votes", device->n_votes,
                       device->n_votes_needed);
    } else if (device->n_votes > 0) {
        (void)snprintf(out, VOTES_BRIEF_BYTES, " %" PRIu32 " votes", device->n_votes);
    }
}

/* A request that was decided meanwhile has none any more. */
static bool read_votes(struct cli *cli, const struct oc_device *device, struct oc_votes *out)
{
    struct failure failure;
    *out = (struct oc_votes){.n = 0};
    return device->n_votes > 0 && cli && call_open(cli, &failure) == EXIT_DONE &&
           oc_admin_read_votes(cli->client, &device->request_id, out, NULL) == OC_OK;
}

void votes_write(struct writer *writer, const struct oc_device *device)
{
    struct oc_votes votes;
    (void)read_votes(writer->cli, device, &votes);
    writer_key(writer, "votes");
    writer_begin_list(writer);
    for (size_t i = 0; i < votes.n && i < OC_MAX_VOTES; i++) {
        writer_begin_object(writer);
        writer_text_or_null(writer, "by", votes.items[i].by);
        writer_time_or_null(writer, "at", votes.items[i].at_ms);
        writer_key(writer, "otherwise");
        writer_bool(writer, votes.items[i].is_otherwise);
        writer_end_object(writer);
    }
    writer_end_list(writer);
    writer_key(writer, "votes_needed");
    if (device->n_votes_needed > 0) {
        writer_uint(writer, device->n_votes_needed);
    } else {
        writer_null(writer);
    }
}

void votes_print(const struct output *output, FILE *out, const struct oc_device *device)
{
    char text[CELL_BYTES];
    struct oc_votes votes;
    if (device->n_votes_needed == 0 && device->n_votes == 0) {
        return;
    }
    (void)snprintf(text, sizeof text, "%" PRIu32 " of %" PRIu32, device->n_votes,
                   device->n_votes_needed);
    output_fact(out, "votes", text);
    (void)read_votes(output->cli, device, &votes);
    for (size_t i = 0; i < votes.n && i < OC_MAX_VOTES; i++) {
        char by[CELL_BYTES];
        char age[MOMENT_BYTES];
        escape_for_terminal(votes.items[i].by, by, sizeof by);
        moment_format_age(votes.items[i].at_ms, output->terminal->now_ms, age);
        (void)snprintf(text, sizeof text, "%.200s, %s ago%s", by, age,
                       votes.items[i].is_otherwise ? ", for another grant than what is asked" : "");
        output_fact(out, "", text);
    }
}
