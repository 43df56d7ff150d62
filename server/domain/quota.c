/* Token-bucket arithmetic: quota.h. One token a second is one thousandth of a token a ms. */
#include "server/domain/quota.h"

enum { MILLI = 1000 };

static uint64_t brimful(const struct quota_rate *rate)
{
    return (uint64_t)rate->burst * MILLI;
}

/* The bucket as it is now. Compares before it multiplies: a long pause cannot overflow. */
static struct quota filled(const struct quota *quota, const struct quota_rate *rate, int64_t now_ms)
{
    struct quota now = *quota;
    if (now_ms <= quota->filled_ms) {
        return now;
    }
    uint64_t room = brimful(rate) > quota->tokens_milli ? brimful(rate) - quota->tokens_milli : 0;
    uint64_t passed_ms = (uint64_t)now_ms - (uint64_t)quota->filled_ms;
    now.filled_ms = now_ms;
    if (rate->per_second > 0) {
        bool is_full = passed_ms >= room / rate->per_second + 1;
        now.tokens_milli += is_full ? room : passed_ms * rate->per_second;
    }
    if (now.tokens_milli > brimful(rate)) {
        now.tokens_milli = brimful(rate);
    }
    return now;
}

struct quota quota_full(const struct quota_rate *rate, int64_t now_ms)
{
    return (struct quota){.tokens_milli = brimful(rate), .filled_ms = now_ms};
}

bool quota_take(struct quota *quota, const struct quota_rate *rate, uint32_t cost, int64_t now_ms)
{
    *quota = filled(quota, rate, now_ms);
    uint64_t price = (uint64_t)cost * MILLI;
    if (price > quota->tokens_milli) {
        return false;
    }
    quota->tokens_milli -= price;
    return true;
}

int64_t quota_wait_ms(const struct quota *quota, const struct quota_rate *rate, uint32_t cost,
                      int64_t now_ms)
{
    struct quota now = filled(quota, rate, now_ms);
    uint64_t price = (uint64_t)cost * MILLI;
    if (price <= now.tokens_milli) {
        return 0;
    }
    if (cost > rate->burst || rate->per_second == 0) {
        return INT64_MAX;
    }
    uint64_t missing = price - now.tokens_milli;
    return (int64_t)((missing + rate->per_second - 1) / rate->per_second);
}
