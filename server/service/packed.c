/*
 * One visitor walks the fields in one fixed order, and either writes or reads them; so the two
 * directions cannot drift apart.
 */
#include "server/service/packed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    PACKED_MAX_BYTES = 16 * 1024, /* more than the largest record needs */
    GENERATION_BYTES = 8,
};

/* A field was added: walk it, and add it to the round-trip test. */
_Static_assert(sizeof(struct pairing) == 6784, "packed.c walks every field of a pairing");
_Static_assert(sizeof(struct sighting) == 200, "packed.c walks every field of a sighting");

struct walk {
    uint8_t *bytes;
    size_t at;
    size_t cap;
    bool is_reading;
};

static void walk_byte(struct walk *walk, uint8_t *value)
{
    assert(walk->at < walk->cap);
    if (walk->is_reading) {
        *value = walk->bytes[walk->at];
    } else {
        walk->bytes[walk->at] = *value;
    }
    walk->at++;
}

static void walk_bytes(struct walk *walk, void *value, size_t n)
{
    assert(walk->cap - walk->at >= n);
    if (walk->is_reading) {
        memcpy(value, walk->bytes + walk->at, n);
    } else {
        memcpy(walk->bytes + walk->at, value, n);
    }
    walk->at += n;
}

/* Seven bits a byte, least significant first. */
static void walk_number(struct walk *walk, uint64_t *value)
{
    uint64_t left = *value;
    uint64_t read = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = (uint8_t)((left & 0x7F) | (left > 0x7F ? 0x80 : 0));
        walk_byte(walk, &byte);
        read |= (uint64_t)(byte & 0x7F) << shift;
        shift += 7;
        left >>= 7;
    } while (byte & 0x80);
    *value = read;
}

/* Zigzag, so that any time and any difference of times is cheap when small. */
static void walk_signed(struct walk *walk, int64_t *value)
{
    uint64_t zigzag = ((uint64_t)*value << 1) ^ (*value < 0 ? UINT64_MAX : 0);
    walk_number(walk, &zigzag);
    *value = (int64_t)((zigzag >> 1) ^ (0 - (zigzag & 1)));
}

/* A time as its distance from another one; 0 stays apart as "never". */
static void walk_time(struct walk *walk, int64_t *value, int64_t base)
{
    uint8_t is_set = *value != 0;
    walk_byte(walk, &is_set);
    if (!is_set) {
        *value = 0;
        return;
    }
    int64_t apart = (int64_t)((uint64_t)*value - (uint64_t)base);
    walk_signed(walk, &apart);
    *value = (int64_t)((uint64_t)base + (uint64_t)apart);
}

static void walk_text(struct walk *walk, char *text, size_t max)
{
    uint8_t n = walk->is_reading ? 0 : (uint8_t)strnlen(text, max);
    walk_byte(walk, &n);
    assert(n <= max);
    walk_bytes(walk, text, n);
}

static void walk_grant(struct walk *walk, struct oc_grant *grant)
{
    walk_text(walk, grant->role, OC_MAX_ROLE_BYTES);
    walk_byte(walk, &grant->n_scopes);
    assert(grant->n_scopes <= OC_MAX_SCOPES);
    for (size_t i = 0; i < grant->n_scopes; i++) {
        walk_text(walk, grant->scopes[i], OC_MAX_SCOPE_BYTES);
    }
}

static void walk_labels(struct walk *walk, struct oc_labels *labels)
{
    walk_byte(walk, &labels->n);
    assert(labels->n <= OC_MAX_LABELS);
    for (size_t i = 0; i < labels->n; i++) {
        walk_text(walk, labels->items[i].key, OC_MAX_LABEL_KEY_BYTES);
        walk_text(walk, labels->items[i].value, OC_MAX_LABEL_VALUE_BYTES);
    }
}

/* A grant that mostly equals one that was walked before costs a byte then. */
static void walk_grant_like(struct walk *walk, struct oc_grant *grant, const struct oc_grant *like)
{
    uint8_t is_same = !walk->is_reading && memcmp(grant, like, sizeof *grant) == 0;
    walk_byte(walk, &is_same);
    if (!is_same) {
        walk_grant(walk, grant);
    } else if (walk->is_reading) {
        *grant = *like;
    }
}

static void walk_ask(struct walk *walk, struct pairing *pairing)
{
    struct ask *ask = &pairing->request.ask;
    walk_grant_like(walk, &ask->grant, &pairing->asked);
    uint8_t is_same_name =
        !walk->is_reading && memcmp(ask->name, pairing->claimed_name, sizeof ask->name) == 0;
    walk_byte(walk, &is_same_name);
    if (!is_same_name) {
        walk_text(walk, ask->name, OC_MAX_NAME_BYTES);
    } else if (walk->is_reading) {
        memcpy(ask->name, pairing->claimed_name, sizeof ask->name);
    }
    walk_labels(walk, &ask->labels);
    walk_text(walk, ask->purpose, OC_MAX_PURPOSE_BYTES);
}

static void walk_bool(struct walk *walk, bool *value)
{
    uint8_t byte = *value;
    walk_byte(walk, &byte);
    *value = byte != 0;
}

static void walk_digest(struct walk *walk, struct oc_digest *digest)
{
    static const struct oc_digest none;
    bool is_set = !walk->is_reading && memcmp(digest, &none, sizeof none) != 0;
    walk_bool(walk, &is_set);
    if (is_set) {
        walk_bytes(walk, digest->bytes, sizeof digest->bytes);
    }
}

#define WALK_ENUM(walk, field)                                                                     \
    do {                                                                                           \
        uint8_t byte_ = (uint8_t)(field);                                                          \
        walk_byte(walk, &byte_);                                                                   \
        (field) = byte_;                                                                           \
    } while (0)

static void walk_votes(struct walk *walk, struct pairing_request *request)
{
    walk_byte(walk, &request->n_votes);
    assert(request->n_votes <= PAIRING_VOTES_KEPT);
    for (size_t i = 0; i < request->n_votes; i++) {
        struct vote *vote = &request->votes[i];
        walk_text(walk, vote->by, OC_MAX_ACTOR_BYTES);
        walk_digest(walk, &vote->certificate);
        walk_digest(walk, &vote->effective);
        walk_signed(walk, &vote->at_ms);
    }
}

static void walk_request(struct walk *walk, struct pairing *pairing)
{
    struct pairing_request *request = &pairing->request;
    static const struct pairing_request none;
    bool is_any = !walk->is_reading && memcmp(request, &none, sizeof none) != 0;
    walk_bool(walk, &is_any);
    if (!is_any) {
        return;
    }
    walk_bool(walk, &request->is_open);
    walk_digest(walk, &request->digest);
    walk_ask(walk, pairing);
    WALK_ENUM(walk, request->why);
    walk_time(walk, &request->opened_ms, pairing->first_seen_ms);
    walk_time(walk, &request->attempted_ms, pairing->first_seen_ms);
    walk_byte(walk, &request->code_failures);
    walk_votes(walk, request);
}

static void walk_expectation(struct walk *walk, struct expectation *expectation)
{
    static const struct expectation none;
    bool is_any = !walk->is_reading && memcmp(expectation, &none, sizeof none) != 0;
    walk_bool(walk, &is_any);
    if (!is_any) {
        return;
    }
    walk_bool(walk, &expectation->is_set);
    walk_bool(walk, &expectation->approves);
    walk_signed(walk, &expectation->until_ms);
    walk_grant(walk, &expectation->grant);
    walk_labels(walk, &expectation->labels);
    walk_signed(walk, &expectation->term_ms);
}

static void walk_replaced(struct walk *walk, struct pairing *pairing)
{
    bool is_any = !walk->is_reading && pairing->replaced[0].text[0] != '\0';
    walk_bool(walk, &is_any);
    for (size_t i = 0; is_any && i < PAIRING_REPLACED_KEPT; i++) {
        walk_text(walk, pairing->replaced[i].text, OC_REQUEST_ID_CHARS);
    }
}

/* Up to the names, so that they can be read without the rest. */
static void walk_to_names(struct walk *walk, struct pairing *pairing)
{
    walk_bytes(walk, &pairing->generation, GENERATION_BYTES);
    walk_text(walk, pairing->request.id.text, OC_REQUEST_ID_CHARS);
    walk_text(walk, pairing->closed.text, OC_REQUEST_ID_CHARS);
    WALK_ENUM(walk, pairing->closed_end);
    WALK_ENUM(walk, pairing->standing);
    walk_signed(walk, &pairing->first_seen_ms);
    walk_number(walk, &pairing->approval_seq);
    walk_grant(walk, &pairing->asked);
    walk_grant_like(walk, &pairing->granted, &pairing->asked);
    walk_time(walk, &pairing->term_ends_ms, pairing->first_seen_ms);
    walk_text(walk, pairing->alias, OC_MAX_NAME_BYTES);
    walk_labels(walk, &pairing->labels);
    walk_text(walk, pairing->claimed_name, OC_MAX_NAME_BYTES);
}

static void walk_pairing(struct walk *walk, struct pairing *pairing)
{
    walk_to_names(walk, pairing);
    walk_request(walk, pairing);
    walk_expectation(walk, &pairing->expectation);
    WALK_ENUM(walk, pairing->last_end);
    walk_replaced(walk, pairing);
    walk_time(walk, &pairing->replaced_ms, pairing->first_seen_ms);
    walk_time(walk, &pairing->cool_down_until_ms, pairing->first_seen_ms);
    walk_byte(walk, &pairing->cool_down_step);
    walk_digest(walk, &pairing->refused_upgrade);
    walk_time(walk, &pairing->refused_upgrade_until_ms, pairing->first_seen_ms);
    walk_time(walk, &pairing->requested_ms, pairing->first_seen_ms);
    walk_time(walk, &pairing->decided_ms, pairing->first_seen_ms);
    walk_text(walk, pairing->decided_by, OC_MAX_ACTOR_BYTES);
    walk_bool(walk, &pairing->is_removed);
    walk_bool(walk, &pairing->is_quarantined);
}

static bool copy_out(const struct walk *walk, struct packed *out)
{
    uint8_t *bytes = malloc(walk->at);
    if (!bytes) {
        return false;
    }
    memcpy(bytes, walk->bytes, walk->at);
    *out = (struct packed){.bytes = bytes, .n = (uint16_t)walk->at};
    return true;
}

void packed_free(struct packed *packed)
{
    free(packed->bytes);
    *packed = (struct packed){.bytes = NULL};
}

bool packed_from_pairing(const struct pairing *pairing, struct packed *out)
{
    uint8_t room[PACKED_MAX_BYTES];
    struct walk walk = {.bytes = room, .cap = sizeof room};
    struct pairing copy = *pairing;
    walk_pairing(&walk, &copy);
    return copy_out(&walk, out);
}

void packed_to_pairing(const struct packed *packed, const struct oc_device_id *id,
                       struct pairing *out)
{
    struct walk walk = {.bytes = packed->bytes, .cap = packed->n, .is_reading = true};
    memset(out, 0, sizeof *out);
    out->id = *id;
    walk_pairing(&walk, out);
    assert(walk.at == packed->n);
}

uint64_t packed_generation(const struct packed *packed)
{
    uint64_t generation;
    assert(packed->n > GENERATION_BYTES);
    memcpy(&generation, packed->bytes, GENERATION_BYTES);
    return generation;
}

void packed_request_ids(const struct packed *packed, struct oc_request_id *open,
                        struct oc_request_id *closed)
{
    struct walk walk = {
        .bytes = packed->bytes, .at = GENERATION_BYTES, .cap = packed->n, .is_reading = true};
    *open = *closed = (struct oc_request_id){0};
    walk_text(&walk, open->text, OC_REQUEST_ID_CHARS);
    walk_text(&walk, closed->text, OC_REQUEST_ID_CHARS);
}

void packed_names(const struct packed *packed, char alias[OC_MAX_NAME_BYTES + 1],
                  char claimed_name[OC_MAX_NAME_BYTES + 1])
{
    struct walk walk = {.bytes = packed->bytes, .cap = packed->n, .is_reading = true};
    struct pairing read = {0};
    walk_to_names(&walk, &read);
    memcpy(alias, read.alias, sizeof read.alias);
    memcpy(claimed_name, read.claimed_name, sizeof read.claimed_name);
}

static void walk_opaque(struct walk *walk, uint8_t id[OC_INSTANCE_BYTES])
{
    static const uint8_t none[OC_INSTANCE_BYTES];
    bool is_set = !walk->is_reading && memcmp(id, none, sizeof none) != 0;
    walk_bool(walk, &is_set);
    if (is_set) {
        walk_bytes(walk, id, OC_INSTANCE_BYTES);
    }
}

static void walk_sighting(struct walk *walk, struct sighting *sighting)
{
    walk_text(walk, sighting->source, OC_MAX_SOURCE_BYTES);
    walk_text(walk, sighting->platform, OC_MAX_PLATFORM_BYTES);
    walk_text(walk, sighting->version, OC_MAX_VERSION_BYTES);
    walk_opaque(walk, sighting->instance_id);
    walk_opaque(walk, sighting->boot_id);
    walk_opaque(walk, sighting->host_hint);
    walk_number(walk, &sighting->session_counter);
}

bool packed_from_sighting(const struct sighting *sighting, struct packed *out)
{
    uint8_t room[PACKED_SIGHTING_BYTES];
    struct walk walk = {.bytes = room, .cap = sizeof room};
    struct sighting copy = *sighting;
    walk_sighting(&walk, &copy);
    return copy_out(&walk, out);
}

void packed_to_sighting(const struct packed *packed, int64_t seen_ms, struct sighting *out)
{
    memset(out, 0, sizeof *out);
    if (packed->bytes) {
        struct walk walk = {.bytes = packed->bytes, .cap = packed->n, .is_reading = true};
        walk_sighting(&walk, out);
    }
    out->seen_ms = seen_ms;
}
