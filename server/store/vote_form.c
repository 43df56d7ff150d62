/* See vote_form.h. */
#include "server/store/vote_form.h"

#include <string.h>

#include "proto/base/secret.h"

static const char label[] = "openclaw votes v1"; /* with its NUL */

static struct oc_digest mac_of(const struct vote_authority *authority,
                               const struct pairing_request *request, const uint8_t *form, size_t n)
{
    const struct oc_bytes pieces[] = {
        {label, sizeof label},
        {authority->gateway_id, VOTE_ID_BYTES},
        {authority->device_id->bytes, OC_DEVICE_ID_BYTES},
        {request->id.text, OC_REQUEST_ID_CHARS},
        {request->digest.bytes, OC_DIGEST_BYTES},
        {form, n},
    };
    return oc_hmac_digest(authority->hmac, pieces, 6);
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t n)
{
    memcpy(at, bytes, n);
    return at + n;
}

size_t vote_encode(const struct vote_authority *authority, const struct pairing_request *request,
                   uint8_t out[VOTE_FORM_BYTES])
{
    if (request->n_votes == 0) {
        return 0;
    }
    uint8_t *at = out;
    *at++ = request->n_votes;
    for (size_t i = 0; i < request->n_votes; i++) {
        const struct vote *vote = &request->votes[i];
        const size_t n_by = strnlen(vote->by, OC_MAX_ACTOR_BYTES);
        *at++ = (uint8_t)n_by;
        at = put(at, vote->by, n_by);
        at = put(at, vote->certificate.bytes, OC_DIGEST_BYTES);
        at = put(at, vote->effective.bytes, OC_DIGEST_BYTES);
        for (int shift = 56; shift >= 0; shift -= 8) {
            *at++ = (uint8_t)((uint64_t)vote->at_ms >> shift);
        }
    }
    const struct oc_digest mac = mac_of(authority, request, out, (size_t)(at - out));
    at = put(at, mac.bytes, sizeof mac.bytes);
    return (size_t)(at - out);
}

struct source {
    const uint8_t *at;
    size_t left;
    bool is_broken;
};

static void take(struct source *source, void *out, size_t n)
{
    if (source->is_broken || n > source->left) {
        source->is_broken = true;
        return;
    }
    memcpy(out, source->at, n);
    source->at += n;
    source->left -= n;
}

static void take_vote(struct source *source, struct vote *out)
{
    uint8_t n_by = 0;
    uint8_t time[8] = {0};
    uint64_t at_ms = 0;
    take(source, &n_by, 1);
    source->is_broken = source->is_broken || n_by > OC_MAX_ACTOR_BYTES;
    take(source, out->by, source->is_broken ? 0 : n_by);
    take(source, out->certificate.bytes, OC_DIGEST_BYTES);
    take(source, out->effective.bytes, OC_DIGEST_BYTES);
    take(source, time, sizeof time);
    for (size_t i = 0; i < sizeof time; i++) {
        at_ms = at_ms << 8 | time[i];
    }
    out->at_ms = (int64_t)at_ms;
    source->is_broken = source->is_broken || strlen(out->by) != n_by;
}

static bool read_form(const uint8_t *form, size_t n, struct pairing_request *request)
{
    struct source source = {form, n, false};
    uint8_t n_votes = 0;
    take(&source, &n_votes, 1);
    source.is_broken = source.is_broken || n_votes == 0 || n_votes > PAIRING_VOTES_KEPT;
    for (size_t i = 0; i < n_votes && !source.is_broken; i++) {
        take_vote(&source, &request->votes[i]);
    }
    request->n_votes = n_votes;
    return !source.is_broken && source.left == 0;
}

bool vote_decode(const struct vote_authority *authority, const uint8_t *bytes, size_t n,
                 struct pairing_request *request)
{
    memset(request->votes, 0, sizeof request->votes);
    request->n_votes = 0;
    if (n == 0) {
        return true;
    }
    bool is_ours = bytes && n > OC_DIGEST_BYTES && n <= VOTE_FORM_BYTES;
    if (is_ours) {
        const size_t n_form = n - OC_DIGEST_BYTES;
        const struct oc_digest wanted = mac_of(authority, request, bytes, n_form);
        is_ours = oc_equal_constant_time(bytes + n_form, wanted.bytes, sizeof wanted.bytes) &&
                  read_form(bytes, n_form, request);
    }
    if (!is_ours) {
        memset(request->votes, 0, sizeof request->votes);
        request->n_votes = 0;
    }
    return is_ours;
}
