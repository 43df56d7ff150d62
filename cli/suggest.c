/* Edit distance with swaps of neighbours, over short words; see suggest.h. */
#include "cli/suggest.h"

#include <stdio.h>
#include <string.h>

enum {
    WORD_MOST = 40, /* longer words are compared by their beginning */
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, const char *b)
{
    size_t n_a = least(strlen(a), WORD_MOST);
    size_t n_b = least(strlen(b), WORD_MOST);
    size_t cost[WORD_MOST + 1][WORD_MOST + 1];
    for (size_t i = 0; i <= n_a; i++) {
        for (size_t j = 0; j <= n_b; j++) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            size_t differs = a[i - 1] == b[j - 1] ? 0 : 1;
            cost[i][j] =
                least(cost[i - 1][j - 1] + differs, least(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
            }
        }
    }
    return cost[n_a][n_b];
}

struct suggestion suggestion_start(const char *typed)
{
    /* A third of the letters may be wrong; nothing is near to something very short. */
    return (struct suggestion){.typed = typed, .distance = strlen(typed) / 3 + 1};
}

void suggestion_consider(struct suggestion *suggestion, const char *name)
{
    size_t n_typed = strlen(suggestion->typed);
    size_t found = distance(suggestion->typed, name);
    if (n_typed >= 3 && strncmp(suggestion->typed, name, n_typed) == 0) {
        found = 1; /* the beginning of a word */
    }
    if (found < suggestion->distance ||
        (found == suggestion->distance && suggestion->name[0] == '\0')) {
        suggestion->distance = found;
        (void)snprintf(suggestion->name, sizeof suggestion->name, "%s", name);
    }
}
