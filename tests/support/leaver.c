/*
 * leaver URL DIRECTORY MICROSECONDS: starts agents and returns from main without a word to them,
 * at whatever they are doing then: what a program does that ends because it has nothing left to do.
 */
#include <openclaw/pairing.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { AGENTS = 16 };

static const struct oc_agent_ops silent = {.stopped = NULL};
static struct oc_agent *agents[AGENTS];

int main(int argc, char **argv)
{
    if (argc != 4) {
        return 2;
    }
    for (unsigned i = 0; i < AGENTS; i++) {
        char directory[256];
        struct oc_error err;
        (void)snprintf(directory, sizeof directory, "%s/%u", argv[2], i);
        const struct oc_agent_options options = {
            .gateway_url = argv[1], .data_dir = directory, .name = "leaver", .ops = &silent};
        if (oc_agent_start(&options, &agents[i], &err) != OC_OK) {
            (void)fprintf(stderr, "leaver: %s\n", err.text);
            return 1;
        }
    }
    (void)usleep((useconds_t)strtoul(argv[3], NULL, 10));
    return 0;
}
