/* See method.h. A number is never given to another method. */
#include "proto/rpc/method.h"

#include <assert.h>
#include <stdio.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "openclaw/v1/health.pb-c.h"
#include "openclaw/v1/pairing.pb-c.h"
#include "proto/base/cleanup.h"

#define NUMBER(name)  OPENCLAW__V1__METHOD__METHOD_##name
#define PAIRING(name) NUMBER(name), &openclaw__v1__pairing_service__descriptor
#define ADMIN(name)   NUMBER(name), &openclaw__v1__admin_service__descriptor
#define HEALTH(name)  NUMBER(name), &openclaw__v1__health_service__descriptor

/* The words of a row, in the order of the columns. */
enum {
    ONCE = false,
    REPEATABLE = true,
    READS = false,
    CHANGES = true,
    AT_ONCE = false,
    WAITS = true,
};

/* By number; the index is the method's place in its service. */
static const struct oc_method table[] = {
    {PAIRING(CONNECT), 0, REPEATABLE, CHANGES, AT_ONCE},
    {PAIRING(AWAIT_DECISION), 1, REPEATABLE, READS, WAITS},
    {PAIRING(HEARTBEAT), 2, REPEATABLE, READS, AT_ONCE},
    {PAIRING(AWAIT_NOTICE), 3, REPEATABLE, READS, WAITS},

    {ADMIN(GET_STATUS), 0, REPEATABLE, READS, AT_ONCE},
    {ADMIN(LIST_DEVICES), 1, REPEATABLE, READS, AT_ONCE},
    {ADMIN(RESOLVE), 2, REPEATABLE, READS, AT_ONCE},
    {ADMIN(APPROVE), 3, ONCE, CHANGES, AT_ONCE},
    {ADMIN(REJECT), 4, ONCE, CHANGES, AT_ONCE},
    {ADMIN(REVOKE), 5, ONCE, CHANGES, AT_ONCE},
    {ADMIN(BLOCK), 6, ONCE, CHANGES, AT_ONCE},
    {ADMIN(UNBLOCK), 7, ONCE, CHANGES, AT_ONCE},
    {ADMIN(DISMISS), 8, ONCE, CHANGES, AT_ONCE},
    {ADMIN(RENAME), 9, ONCE, CHANGES, AT_ONCE},
    {ADMIN(REMOVE), 10, ONCE, CHANGES, AT_ONCE},
    {ADMIN(EXPECT), 11, ONCE, CHANGES, AT_ONCE},
    {ADMIN(LIST_AUDIT), 12, REPEATABLE, READS, AT_ONCE},
    {ADMIN(WATCH_EVENTS), 13, REPEATABLE, READS, WAITS},
    {ADMIN(UNLOCK), 14, ONCE, CHANGES, AT_ONCE},
    {ADMIN(BACKUP), 15, ONCE, CHANGES, AT_ONCE},
    {ADMIN(RELOAD), 16, ONCE, CHANGES, AT_ONCE},
    {ADMIN(CHECKPOINT), 17, REPEATABLE, READS, AT_ONCE},
    {ADMIN(INIT_PKI), 18, ONCE, CHANGES, AT_ONCE},
    {ADMIN(ISSUE_ADMINISTRATOR), 19, ONCE, CHANGES, AT_ONCE},
    {ADMIN(RENEW_ADMINISTRATOR), 20, ONCE, CHANGES, AT_ONCE},
    {ADMIN(REVOKE_ADMINISTRATOR), 21, ONCE, CHANGES, AT_ONCE},
    {ADMIN(LIST_ADMINISTRATORS), 22, REPEATABLE, READS, AT_ONCE},
    {ADMIN(SET_ADMINISTRATOR_ROLE), 23, ONCE, CHANGES, AT_ONCE},
    {ADMIN(REVIEW), 24, REPEATABLE, READS, AT_ONCE},

    {HEALTH(HEALTH), 0, REPEATABLE, READS, AT_ONCE},
    {HEALTH(DESCRIBE), 1, REPEATABLE, READS, AT_ONCE},
};

const struct oc_method *oc_method_by_number(uint32_t number)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(table); i++) {
        if (table[i].number == number) {
            return &table[i];
        }
    }
    return NULL;
}

const struct oc_method *oc_method_by_index(const ProtobufCServiceDescriptor *service,
                                           unsigned index)
{
    for (size_t i = 0; i < OC_ARRAY_LENGTH(table); i++) {
        if (table[i].service == service && table[i].index == index) {
            return &table[i];
        }
    }
    return NULL;
}

const struct oc_method *oc_method_table(unsigned *n)
{
    *n = (unsigned)OC_ARRAY_LENGTH(table);
    return table;
}

static const ProtobufCMethodDescriptor *descriptor_of(const struct oc_method *method)
{
    assert(method->index < method->service->n_methods);
    return &method->service->methods[method->index];
}

const ProtobufCMessageDescriptor *oc_method_input(const struct oc_method *method)
{
    return descriptor_of(method)->input;
}

const ProtobufCMessageDescriptor *oc_method_output(const struct oc_method *method)
{
    return descriptor_of(method)->output;
}

void oc_method_format_name(const struct oc_method *method, char *out, unsigned cap)
{
    (void)snprintf(out, cap, "%s/%s", method->service->name, descriptor_of(method)->name);
}
