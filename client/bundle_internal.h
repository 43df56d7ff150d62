/* A bundle's inside, for bundle.c and for who connects or issues with one. */
#pragma once

#include "client/bundle_text.h"
#include "proto/crypto/identity.h"

struct oc_bundle {
    struct oc_identity *identity; /* certified, unless it is a draft */
    struct oc_bundle_facts facts;
    struct oc_der certificate;
    struct oc_der ca;
};

OC_DEFINE_CLEANUP(oc_bundle_free, struct oc_bundle);
