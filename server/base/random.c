/* Owns the reading of entropy. */
#include "server/base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

/* Going on without entropy would make guessable keys: there is no answer but to stop. */
static void fill_from_kernel(void *user, void *out, size_t n)
{
    (void)user;
    uint8_t *next = out;
    while (n > 0) {
        ssize_t got = getrandom(next, n, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            abort();
        }
        next += got;
        n -= (size_t)got;
    }
}

struct random_source random_system(void)
{
    return (struct random_source){.fill = fill_from_kernel, .user = NULL};
}

uint32_t random_below(const struct random_source *source, uint32_t bound)
{
    assert(bound > 0);
    /* Numbers past the last whole multiple of bound would favour the small remainders. */
    uint32_t limit = UINT32_MAX - UINT32_MAX % bound;
    uint32_t number = 0;
    do {
        random_fill(source, &number, sizeof number);
    } while (number >= limit);
    return number % bound;
}
