/* News: what reached an agent, as a value. Made on threads of the library, read on the agent's. */
#pragma once

#include <openclaw/pairing.h>

#include "proto/crypto/receipt.h"

enum oc_news_kind {
    OC_NEWS_OPENED,
    OC_NEWS_CLOSED,
    OC_NEWS_CONNECT,
    OC_NEWS_DECISION,
    OC_NEWS_HEARTBEAT,
    OC_NEWS_NOTICE,
};

enum oc_decision_word { /* numbers as Decision on the wire */
                        OC_DECIDED_NONE_YET,
                        OC_DECIDED_APPROVED,
                        OC_DECIDED_REJECTED,
                        OC_DECIDED_BLOCKED,
                        OC_DECIDED_NOT,
                        OC_DECIDED_REPLACED,
};

enum oc_notice_word { /* numbers as NoticeKind on the wire */
                      OC_NOTICED_NONE_YET,
                      OC_NOTICED_GRANT_CHANGED,
                      OC_NOTICED_ENDED,
                      OC_NOTICED_SUPERSEDED,
                      OC_NOTICED_DRAINING,
                      OC_NOTICED_UPGRADE_REFUSED,
};

struct oc_refusal_news {
    enum oc_refusal_kind kind;
    struct oc_request_id request_id;
    enum oc_why why;
    uint32_t retry_after_ms;
    bool has_nonce;
    uint8_t gateway_nonce[OC_NONCE_BYTES];
};

/* One thing that happened; which fields count depends on the kind. */
struct oc_news {
    struct oc_news *next;
    enum oc_news_kind kind;
    uint32_t attempt;      /* news of an attempt that is over is dropped */
    uint64_t elapsed_ms;   /* since the call was made */
    struct oc_error error; /* status OK: the call was answered */
    struct oc_digest spki; /* OPENED, CLOSED */
    bool has_session;      /* CONNECT, NOTICE */
    struct oc_session session;
    bool has_upgrade_nonce;
    uint8_t upgrade_nonce[OC_NONCE_BYTES]; /* the gateway's, for the code of the upgrade */
    uint32_t heartbeat_ms;
    struct oc_receipt receipt;
    size_t n_next_pins;
    struct oc_digest next_pins[OC_MAX_PINS];
    struct oc_refusal_news refusal;
    unsigned word; /* DECISION, NOTICE */
    uint32_t retry_after_ms;
};
