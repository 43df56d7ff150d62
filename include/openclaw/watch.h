/*
 * Follows what changes at a gateway, across lost connections and restarts of it. It rests on the
 * change log, in which every change has a number, without gaps. Fails as the calls of admin.h do.
 *
 * Units:  durations are milliseconds.
 * Thread: any, unless a function says otherwise.
 */
#pragma once

#include <openclaw/client.h>
#include <openclaw/device.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* ---- where in the change log ----------------------------------------------------------------- */

/* A place in the change log of one database. Keep it (its text, say) to go on from there later. */
struct oc_cursor {
    uint64_t seq;            /* the last change that was seen */
    uint64_t epoch;          /* 0: not known; then, and with no database_id, `seq` alone counts */
    uint8_t database_id[16]; /* zeros: not known */
};

enum {
    OC_CURSOR_TEXT_BYTES = 80, /* room for the text of any cursor, with the NUL */
};

/* Writes a cursor as "SEQ-EPOCH-DATABASE"; one whose database is not known as "SEQ". */
void oc_cursor_format(const struct oc_cursor *cursor, char out[OC_CURSOR_TEXT_BYTES]);
/* Reads either of them. False otherwise, *out as it was. */
bool oc_cursor_parse(const char *text, struct oc_cursor *out);

/* ---- watching -------------------------------------------------------------------------------- */

/* One who watches; made by the library alone. */
struct oc_watch;

/* Where a watch begins. */
enum oc_watch_start {
    OC_WATCH_FROM_NOW,      /* with what comes */
    OC_WATCH_FROM_SNAPSHOT, /* with every device as it is, then what comes */
    OC_WATCH_FROM_CURSOR,   /* after `cursor` */
};

/* Filled in by the program; {0} watches from now on. */
struct oc_watch_options {
    enum oc_watch_start start;
    /* Of the devices in a snapshot: a bit (1 << OC_STATE_...) each; 0: all but NONE. */
    uint32_t states;
    struct oc_cursor cursor;
    uint64_t reserved[16]; /* zero: see version.h */
};

/* What a watch tells. */
enum oc_watch_kind {
    OC_WATCH_NOTHING, /* there was nothing in time */
    OC_WATCH_CHANGE,  /* `event`; its seq is one more than that of the change before */
    OC_WATCH_RESYNC,  /* forget what you know; DEVICE for each, then SYNCED. `why` tells why */
    OC_WATCH_DEVICE,  /* `event.device`, one of a snapshot */
    OC_WATCH_SYNCED,  /* what follows are changes after `cursor` */
    OC_WATCH_LOST,    /* no gateway answers, `error` tells why; the watch goes on trying */
    OC_WATCH_BACK,    /* it answers again; what happened meanwhile comes now */
};

/* Why there is a snapshot. */
enum oc_resync_why {
    OC_RESYNC_NONE,
    OC_RESYNC_ASKED,        /* the watch began with one */
    OC_RESYNC_OUT_OF_RANGE, /* the gateway keeps no changes from there on: a cursor of 7 days ago */
    OC_RESYNC_OTHER_RECORDS, /* the gateway serves another database, or an older state of it */
};

/* What a watch tells next. Filled in by the library. */
struct oc_watch_item {
    enum oc_watch_kind kind;
    enum oc_resync_why why;  /* RESYNC */
    struct oc_cursor cursor; /* to go on after this item, also by another watch */
    struct oc_event event;   /* CHANGE; DEVICE: its device alone */
    struct oc_error error;   /* LOST */
    uint64_t reserved[8];
};

/*
 * Begins to watch. Nothing is sent yet, so no gateway need be there: the watch then tells LOST.
 *
 * Owns:   *out: oc_watch_free, before the client is closed. The options are copied.
 * Fails:  INVALID_ARGUMENT (start; a field that this version does not know); RESOURCE_EXHAUSTED;
 *         FAILED_PRECONDITION (a child of fork).
 * Thread: any.
 */
OC_MUST_CHECK enum oc_status oc_watch_open(struct oc_client *client,
                                           const struct oc_watch_options *options,
                                           struct oc_watch **out, struct oc_error *err);

/*
 * Gives what is next, waiting for it. Each change comes once and none is left out, whatever happens
 * to the connection and to the gateway; where that cannot be, RESYNC says so. What is not fetched
 * waits at the gateway: a slow program holds 64 changes at most.
 *
 * Units:  wait_ms: at most this long; 0: not at all; UINT32_MAX: until there is something.
 * Owns:   *out is a plain value; it is large: keep it on the heap.
 * Fails:  CANCELLED (oc_watch_stop, or the client was closed); what no waiting mends:
 *         PERMISSION_DENIED, UNIMPLEMENTED, INTERNAL, UNAUTHENTICATED, FAILED_PRECONDITION.
 * Thread: one at a time.
 */
OC_MUST_CHECK enum oc_status oc_watch_next(struct oc_watch *watch, uint32_t wait_ms,
                                           struct oc_watch_item *out, struct oc_error *err);

/*
 * A descriptor that is readable when oc_watch_next may have something: for programs with a loop of
 * their own, which poll it and call with wait_ms 0 until they get NOTHING; once at the start, too.
 * Only to be polled.
 *
 * Owns:   the watch keeps it.
 */
int oc_watch_fd(const struct oc_watch *watch);

/* Ends the wait of another thread: oc_watch_next answers CANCELLED from now on.
 *
 * Thread: any; a signal handler may call it. */
void oc_watch_stop(struct oc_watch *watch);

/* Ends a watch. Does not block. Accepts NULL.
 *
 * Owns:   takes `watch`.
 * Thread: any; nobody may use it any more. */
void oc_watch_free(struct oc_watch *watch);

/* The word as in JSON: "out_of_range"; "unknown" for a value that is not in the table. Never NULL;
 * the text is constant. */
const char *oc_resync_why_name(enum oc_resync_why why);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
