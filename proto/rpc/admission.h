/*
 * Who came to a listener and has not opened, and who may shake hands next. Values only: no sockets,
 * no waiting.
 *
 *   arrive ──► ARRIVED ──line_up──► LINED_UP ──call──► BEGUN ──► leave
 *      (said nothing yet)   (its first words wait)  (has TLS state)
 *
 * Arrivals cost a descriptor and little memory: many may wait, and when all of their places are
 * taken the source that source_tree.h names loses one to the newcomer. What has begun costs TLS
 * state and our time: few may at once, in all and of a source, and nobody is refused for that, but
 * waits in line. Who is called next is drawn: half of the time from all sources in line, each as
 * likely, else from all regions, then networks, then sources; of a source the one that waits
 * longest. So neither many addresses of one network nor one network with many addresses keep the
 * others waiting.
 *
 * Thread: the listener's lock serialises.
 */
#pragma once

#include "proto/base/source_tree.h"
#include "proto/rpc/connection.h"
#include "proto/rpc/step_queue.h"

struct oc_admission;
struct oc_admission_source;

struct oc_admission_limits {
    unsigned max_arrivals; /* that have not begun */
    unsigned max_arrivals_per_source;
    unsigned max_begun;
    unsigned max_begun_per_source;
};

enum oc_admission_state {
    OC_ADMISSION_OUT,
    OC_ADMISSION_ARRIVED,
    OC_ADMISSION_LINED_UP,
    OC_ADMISSION_BEGUN,
    OC_ADMISSION_SHED, /* made room, and still there */
};

/* Part of a connection. All zeros: holds nothing. */
struct oc_admission_place {
    struct oc_admission_source *source;
    enum oc_admission_state state;
    bool gives_way;         /* begun, and told to go for another */
    unsigned n_opened_then; /* of its source, when it began */
    struct oc_source_slot arrival;
    struct oc_admission_place *previous, *next; /* in its source's part of the line */
};

/* `seed` is random. Owns: oc_admission_free. NULL when out of memory. */
struct oc_admission *oc_admission_new(const struct oc_admission_limits *limits, uint64_t seed);
/* Everybody has left. Accepts NULL. */
void oc_admission_free(struct oc_admission *admission);

/*
 * A newcomer takes a place. An exempt or local source has no cap of its own. Over the cap of all,
 * or if it `is_tight` otherwise, somebody goes: *loser is shed, or NULL if nobody.
 * False: the newcomer is the one, or its source has its share, or there is no memory.
 */
bool oc_admission_arrive(struct oc_admission *admission, const struct oc_source *source,
                         bool is_exempt, bool is_tight, struct oc_admission_place *place,
                         struct oc_admission_place **loser);

/* One that arrived gets in line; harmless later. */
void oc_admission_line_up(struct oc_admission *admission, struct oc_admission_place *place);

/* Whether the place has begun; lets one that arrived begin at once where nobody has to wait. */
bool oc_admission_begin(struct oc_admission *admission, struct oc_admission_place *place);

/* The next of the line, which has begun then; NULL while nobody may. */
struct oc_admission_place *oc_admission_call(struct oc_admission *admission);

/* Whether one that has begun and keeps us waiting should go, as somebody waits for its place; true
 * only as often as somebody does. Not where others of its source opened since it began: that is a
 * machine with many agents that does what it can. */
bool oc_admission_gives_way(struct oc_admission *admission, struct oc_admission_place *place);

/* Gives the place back, whatever its state: it opened, or is gone. Its source's lane must hold no
 * step of it. Harmless on an empty place. */
void oc_admission_leave(struct oc_admission *admission, struct oc_admission_place *place,
                        bool has_opened);

/* The lane of the place's source; as long as the place is held. */
struct oc_lane *oc_admission_lane(const struct oc_admission_place *place);

unsigned oc_admission_n_arrivals(const struct oc_admission *admission);
unsigned oc_admission_n_begun(const struct oc_admission *admission);
