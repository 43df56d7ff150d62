/* See audit_follow.h. */
#include "cli/audit_follow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "cli/failure.h"
#include "cli/follow.h"
#include "cli/memory.h"
#include "cli/steady_out.h"

enum {
    LOOK_EVERY_S = 1,
};

struct follower {
    struct cli *cli;
    const struct audit_follow *follow;
    uint64_t last_seq; /* the last record that was told or passed over; 0: none */
    struct oc_digest last_hash;
    struct oc_audit_page page;
    struct steady_out steady;
    int timer_fd;
    /* A record is composed in memory, then written. */
    struct terminal memory;
    struct output output;
    struct listing listing;
    char *text;
    size_t n_text, n_shown;
    bool is_lost;
    bool has_begun;
    bool is_over; /* with `code` */
    enum exit_code code;
};

static void end(struct follower *follower, enum exit_code code)
{
    follower->is_over = true;
    follower->code = code;
}

/* False: it is over. */
static bool goes_on(struct follower *follower, enum steady_state state)
{
    switch (state) {
    case STEADY_ON:
        return true;
    case STEADY_INTERRUPTED:
        end(follower, EXIT_INTERRUPTED);
        break;
    case STEADY_TERMINATED:
        end(follower, EXIT_TERMINATED);
        break;
    case STEADY_READER_GONE:
        follower->cli->is_reader_gone = true;
        end(follower, EXIT_DONE);
        break;
    case STEADY_FAILED:
        terminal_say(follower->cli->terminal, "openclaw: the output could not be written");
        end(follower, EXIT_FAILED);
        break;
    }
    return false;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool passes_over(enum oc_status status)
{
    return status == OC_UNAVAILABLE || status == OC_DEADLINE_EXCEEDED ||
           status == OC_RESOURCE_EXHAUSTED || status == OC_ABORTED;
}

/* True: the call was answered. Of the first ones any failure is the end. */
static bool is_answered(struct follower *follower, enum oc_status status,
                        const struct oc_error *err)
{
    const struct terminal *terminal = follower->cli->terminal;
    struct failure failure;
    if (status == OC_OK) {
        if (follower->is_lost) {
            terminal_say(terminal, "openclaw: the gateway is back");
        }
        follower->is_lost = false;
        return true;
    }
    if (!follower->has_begun || !passes_over(status)) {
        (void)call_failure(&failure, follower->cli, "cannot read the audit log", status, err);
        end(follower, failure_say(terminal, &failure));
    } else if (!follower->is_lost) {
        terminal_say(terminal, "openclaw: lost the gateway: %s; going on when it is back",
                     err->text);
        follower->is_lost = true;
    }
    return false;
}

static bool list(struct follower *follower, uint64_t after, bool newest_first, size_t most)
{
    struct oc_error err;
    follower->page.cap = most;
    const enum oc_status status = oc_admin_list_audit(follower->cli->client, after, newest_first,
                                                      NULL, &follower->page, &err);
    return is_answered(follower, status, &err);
}

static void note_last(struct follower *follower, const struct oc_audit_record *record)
{
    follower->last_seq = record->seq;
    follower->last_hash = record->hash;
}

static void end_as_others(struct follower *follower)
{
    struct failure failure;
    failure_set(&failure, EXIT_CONFLICT,
                "record %" PRIu64 " is not in the gateway's records any more, or not as it was "
                "told: they were replaced",
                follower->last_seq);
    failure_advise(&failure, "what it has now:  openclaw audit list --newest");
    failure_advise(&failure, "whether that is what it was, by an export or a checkpoint from "
                             "before:  openclaw audit verify --help");
    end(follower, failure_say(follower->cli->terminal, &failure));
}

/* Whether there is a record behind the last one, which must be what it was. */
static bool has_new(struct follower *follower)
{
    const uint64_t last = follower->last_seq;
    const struct oc_audit_page *page = &follower->page;
    if (last == 0) {
        return list(follower, 0, false, 1) && page->n > 0;
    }
    if (!list(follower, last - 1, false, 2)) {
        return false;
    }
    if (page->n == 0 || page->items[0].seq != last ||
        memcmp(&page->items[0].hash, &follower->last_hash, sizeof follower->last_hash) != 0) {
        end_as_others(follower);
        return false;
    }
    return page->n > 1;
}

/* ---- showing --------------------------------------------------------------------------------- */

static bool show(struct follower *follower, const struct oc_audit_record *record)
{
    rewind(follower->memory.out);
    listing_add(&follower->listing, record);
    listing_flush(&follower->listing);
    (void)fflush(follower->memory.out);
    if (!goes_on(follower, steady_write(&follower->steady, follower->text, follower->n_text))) {
        return false;
    }
    note_last(follower, record);
    if (++follower->n_shown == follower->follow->limit) {
        end(follower, EXIT_DONE);
    }
    return !follower->is_over;
}

/* What passes the filter, up to the record that was the newest when it was asked: a filter tells of
 * nothing that it leaves out, and what was left out is not looked at again. */
static void show_new(struct follower *follower)
{
    struct oc_audit_filter filter = follower->follow->filter;
    struct oc_audit_page *page = &follower->page;
    if (!list(follower, 0, true, 1) || page->n == 0) {
        return;
    }
    const struct oc_audit_record newest = page->items[0];
    const uint64_t wanted = filter.last_seq;
    filter.last_seq = wanted > 0 && wanted < newest.seq ? wanted : newest.seq;
    page->next_after_seq = follower->last_seq;
    do {
        struct oc_error err;
        page->cap = OC_MAX_AUDIT_PAGE;
        const enum oc_status status = oc_admin_search_audit(
            follower->cli->client, &filter, page->next_after_seq, false, page, &err);
        if (!is_answered(follower, status, &err)) {
            return;
        }
        for (size_t i = 0; i < page->n; i++) {
            if (!show(follower, &page->items[i])) {
                return;
            }
        }
    } while (page->next_after_seq != 0);
    note_last(follower, &newest);
    if (wanted > 0 && newest.seq >= wanted) {
        end(follower, EXIT_DONE);
    }
}

/* ---- from start to exit code ----------------------------------------------------------------- */

static void begin(struct follower *follower)
{
    const struct audit_follow *follow = follower->follow;
    const bool is_now = !follow->has_after && follow->filter.since_ms == 0;
    const struct oc_audit_page *page = &follower->page;
    struct failure failure;
    if (is_now && list(follower, 0, true, 1) && page->n > 0) {
        note_last(follower, &page->items[0]);
    } else if (follow->has_after && follow->after > 0 &&
               list(follower, follow->after - 1, false, 1)) {
        if (page->n == 0) {
            failure_set(&failure, EXIT_NOT_FOUND, "there is no record %" PRIu64 " yet",
                        follow->after);
            end(follower, failure_say(follower->cli->terminal, &failure));
            return;
        }
        note_last(follower, &page->items[0]);
    }
    follower->has_begun = true;
}

static void follow_on(struct follower *follower)
{
    uint64_t n_ticks;
    begin(follower);
    while (!follower->is_over) {
        if (has_new(follower)) {
            show_new(follower);
        }
        if (!follower->is_over &&
            goes_on(follower, steady_wait(&follower->steady, follower->timer_fd))) {
            (void)!read(follower->timer_fd, &n_ticks, sizeof n_ticks);
        }
    }
}

static bool start(struct follower *follower)
{
    const struct itimerspec every = {.it_interval.tv_sec = LOOK_EVERY_S,
                                     .it_value.tv_sec = LOOK_EVERY_S};
    follower->memory = *follower->cli->terminal;
    follower->memory.out = open_memstream(&follower->text, &follower->n_text);
    follower->output = follower->cli->output;
    follower->output.terminal = &follower->memory;
    follower->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return follower->memory.out && follower->timer_fd >= 0 &&
           !timerfd_settime(follower->timer_fd, 0, &every, NULL) &&
           steady_begin(&follower->steady, follower->cli->terminal);
}

enum exit_code audit_follow_run(struct cli *cli, const struct audit_follow *follow)
{
    struct failure failure;
    if (!follow_choose_format(cli)) {
        return EXIT_USAGE;
    }
    if (call_open(cli, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    struct follower *follower = memory_zeroed(1, sizeof *follower);
    follower->cli = cli;
    follower->follow = follow;
    follower->page.items = memory_zeroed(OC_MAX_AUDIT_PAGE, sizeof follower->page.items[0]);
    if (start(follower)) {
        listing_begin(&follower->listing, &follower->output, follow->kind);
        follow_on(follower);
        listing_abandon(&follower->listing);
        steady_end(&follower->steady);
    } else {
        terminal_say(cli->terminal, "openclaw: cannot follow: %s", strerror(errno));
        end(follower, EXIT_FAILED);
    }
    const enum exit_code code = follower->code;
    if (follower->timer_fd >= 0) {
        (void)close(follower->timer_fd);
    }
    if (follower->memory.out) {
        (void)fclose(follower->memory.out);
    }
    free(follower->text);
    free(follower->page.items);
    free(follower);
    return code;
}
