/*
 * SP framing. The first byte chooses the form (bit 0: ipc) and how the rest is cut into pieces.
 * However a stream is cut, it must give the same frames and the same end as in one piece, and no
 * frame may reach outside what was given.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "proto/rpc/limits.h"
#include "proto/rpc/sp.h"
#include "tests/fuzz/fuzz_target.h"

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Checks one frame against the bytes it was found in. */
static void check_frame(bool is_ipc, const uint8_t *bytes, size_t n,
                        const struct oc_sp_frame *frame)
{
    uint8_t header[OC_SP_MAX_HEADER_BYTES];
    const size_t n_header = oc_sp_header(is_ipc, frame->word, frame->n_body, header);
    require(frame->n_consumed <= n && frame->n_consumed == n_header + frame->n_body);
    require(frame->body == bytes + n_header);
    require((frame->word & 0x80000000u) != 0);
    require(frame->n_body + 4 <= OC_MAX_FRAME_UNAPPROVED_BYTES);
    require(oc_sp_wanted(is_ipc, bytes, n) == frame->n_consumed);
    for (size_t i = 0; i < n_header; i++) {
        require(header[i] == bytes[i]);
    }
}

struct outcome {
    size_t n_frames;
    size_t n_consumed;
    bool is_broken;
};

/* Reads the stream as its bytes become available, `piece` at a time. */
static struct outcome read_stream(bool is_ipc, const uint8_t *bytes, size_t n, size_t piece)
{
    struct outcome outcome = {0};
    size_t n_here = 0;
    while (n_here < n && !outcome.is_broken) {
        n_here = n - n_here < piece ? n : n_here + piece;
        enum oc_sp_result result = OC_SP_FRAME;
        while (result == OC_SP_FRAME) {
            struct oc_sp_frame frame;
            const uint8_t *at = bytes + outcome.n_consumed;
            const size_t n_left = n_here - outcome.n_consumed;
            result = oc_sp_next(is_ipc, at, n_left, OC_MAX_FRAME_UNAPPROVED_BYTES, &frame);
            if (result == OC_SP_FRAME) {
                check_frame(is_ipc, at, n_left, &frame);
                outcome.n_consumed += frame.n_consumed;
                outcome.n_frames++;
            }
        }
        outcome.is_broken = result == OC_SP_BROKEN;
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n == 0) {
        return 0;
    }
    const bool is_ipc = (bytes[0] & 1) != 0;
    const size_t piece = 1 + (bytes[0] >> 1);
    const struct outcome whole = read_stream(is_ipc, bytes + 1, n - 1, n);
    const struct outcome cut = read_stream(is_ipc, bytes + 1, n - 1, piece);
    require(whole.n_frames == cut.n_frames);
    require(whole.n_consumed == cut.n_consumed);
    require(whole.is_broken == cut.is_broken);
    (void)oc_sp_greeting_matches(OC_SP_GATEWAY, bytes + 1, n - 1 < 8 ? n - 1 : 8);
    return 0;
}
