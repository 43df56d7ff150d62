/*
 * Which devices claim to run on one host: some of the approved ones by name, to explain a newcomer,
 * and how many there are in all, so that twenty fresh identities of one container show as what they
 * are. Claims only: they explain and never grant. The directory's part; its mutex guards it.
 *
 * A host costs nothing beyond its device until a second one claims it, and the work for one record
 * does not grow with what others claim. Hosts are told apart by 32 bits of a keyed hash: of 100,000
 * of them, a pair may be counted as one.
 */
#pragma once

#include "server/service/table.h"

struct entry;
struct pairing;

struct hosts {
    struct table entries; /* host -> up to 8 approved entries; and the first entry of a host */
    struct table crowds;  /* host that several claim -> struct host_crowd */
};

struct host_totals {
    unsigned n_devices; /* listed: paired, waiting, revoked ...; not those that left only a trace */
    unsigned n_requests; /* of them waiting */
};

void hosts_init(struct hosts *hosts, uint64_t seed);
void hosts_deinit(struct hosts *hosts);
/* Makes room for n more entries; false when out of memory. */
/* An entry of that host comes soon; see table_expect. */
void hosts_expect(const struct hosts *hosts, uint32_t host);
bool hosts_reserve(struct hosts *hosts, size_t n);

/* The entry's record now stands like this, under that host (0: not known). Room must be reserved.
 * Out of memory for a crowd: the entry is not counted. */
void hosts_update(struct hosts *hosts, struct entry *entry, uint32_t host,
                  const struct pairing *is);

/* Approved entries of the host, at most 8: returns after `visit` said true. */
void hosts_find(const struct hosts *hosts, uint32_t host, table_match_fn visit, const void *user);
struct host_totals hosts_count(const struct hosts *hosts, uint32_t host);
