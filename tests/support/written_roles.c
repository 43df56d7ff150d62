/* See written_roles.h. */
#include "tests/support/written_roles.h"

#include "openclaw/v1/envelope.pb-c.h"

#define NUMBER(name) OPENCLAW__V1__METHOD__METHOD_##name

enum dispatch_verdict written_verdict(enum rpc_door door, enum rpc_role role, uint32_t number)
{
    const bool is_health = number == NUMBER(HEALTH) || number == NUMBER(DESCRIBE);
    const bool is_device_method = number >= 1 && number < 100;
    const bool is_admin_method = number >= 100 && number < 200;
    const bool renews = number == NUMBER(RENEW_ADMINISTRATOR); /* its own certificate */
    if (door == RPC_DOOR_DEVICES) {
        if (!is_device_method && !is_health) {
            return DISPATCH_NO_SUCH_METHOD;
        }
        return role == RPC_ROLE_DEVICE ? DISPATCH_ALLOWED : DISPATCH_DENIED;
    }
    const bool is_for_this_machine =
        number == NUMBER(UNLOCK) || number == NUMBER(BACKUP) || number == NUMBER(INIT_PKI);
    if ((!is_admin_method && !is_health) || (door == RPC_DOOR_ADMIN && is_for_this_machine)) {
        return DISPATCH_NO_SUCH_METHOD;
    }
    const struct oc_method *method = oc_method_by_number(number);
    switch (role) {
    case RPC_ROLE_ADMIN:
        return DISPATCH_ALLOWED;
    case RPC_ROLE_APPROVER:
        return method->changes && number >= NUMBER(UNLOCK) && !renews ? DISPATCH_DENIED
                                                                      : DISPATCH_ALLOWED;
    case RPC_ROLE_VIEWER:
        return method->changes && !renews ? DISPATCH_DENIED : DISPATCH_ALLOWED;
    default:
        return DISPATCH_DENIED;
    }
}
