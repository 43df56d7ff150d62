/* See source_caps.h. */
#include "server/rpc/source_caps.h"

#include <stdlib.h>

struct source_caps {
    struct source_caps_options options;
    struct oc_source_tree *tree;
};

struct source_caps *source_caps_new(const struct source_caps_options *options)
{
    struct source_caps *caps = calloc(1, sizeof *caps);
    if (caps) {
        caps->options = *options;
        caps->tree = oc_source_tree_new(options->seed, options->max);
    }
    if (caps && !caps->tree) {
        free(caps);
        return NULL;
    }
    return caps;
}

void source_caps_free(struct source_caps *caps)
{
    if (caps) {
        oc_source_tree_free(caps->tree);
        free(caps);
    }
}

enum source_caps_result source_caps_take(struct source_caps *caps, const struct oc_source *source,
                                         bool is_exempt, struct oc_source_slot *slot)
{
    if (!is_exempt &&
        oc_source_tree_count(caps->tree, source->address) >= caps->options.max_per_source) {
        return SOURCE_CAPS_SOURCE_FULL;
    }
    if (oc_source_tree_total(caps->tree) >= caps->options.max ||
        !oc_source_tree_enter(caps->tree, source->address, is_exempt, slot)) {
        return SOURCE_CAPS_ALL_FULL;
    }
    return SOURCE_CAPS_TAKEN;
}

void source_caps_give(struct source_caps *caps, struct oc_source_slot *slot)
{
    oc_source_tree_leave(caps->tree, slot);
}

struct oc_source_slot *source_caps_shed_for(struct source_caps *caps,
                                            const struct oc_source *source, bool is_exempt,
                                            struct oc_source_slot *newcomer)
{
    if (!oc_source_tree_enter(caps->tree, source->address, is_exempt, newcomer)) {
        return NULL;
    }
    struct oc_source_slot *slot = oc_source_tree_pick(caps->tree);
    if (slot != newcomer) {
        return slot;
    }
    oc_source_tree_leave(caps->tree, newcomer);
    return NULL;
}

void source_caps_change(struct source_caps *caps, unsigned max, unsigned max_per_source)
{
    caps->options.max = max;
    caps->options.max_per_source = max_per_source;
}

unsigned source_caps_total(const struct source_caps *caps)
{
    return oc_source_tree_total(caps->tree);
}
