/*
 * The method table: number <-> generated descriptor, and what both ends must know of a method.
 * One row per method, in method.c; a test proves that every method of every service has one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

struct oc_method {
    uint32_t number;
    const ProtobufCServiceDescriptor *service;
    unsigned index;     /* in the service */
    bool is_repeatable; /* safe to send again without an idempotency key */
    bool changes;       /* may change something durable: unknown fields refused, keys kept */
    bool is_long_poll;  /* may take OC_LONG_POLL_MS */
};

/* NULL if there is none. Any thread. */
const struct oc_method *oc_method_by_number(uint32_t number);
const struct oc_method *oc_method_by_index(const ProtobufCServiceDescriptor *service,
                                           unsigned index);
/* For walking the table. */
const struct oc_method *oc_method_table(unsigned *n);

const ProtobufCMessageDescriptor *oc_method_input(const struct oc_method *method);
const ProtobufCMessageDescriptor *oc_method_output(const struct oc_method *method);

/* Writes "openclaw.v1.AdminService/Approve". */
void oc_method_format_name(const struct oc_method *method, char *out, unsigned cap);
