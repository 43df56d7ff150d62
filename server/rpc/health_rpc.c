/* Health and Describe: what a door offers, and whether the gateway serves. */
#include "openclaw/v1/health.pb-c.h"
#include "server/rpc/convert_out.h"
#include "server/rpc/handlers.h"

enum {
    MAX_METHODS = 32,
    METHOD_NAME_BYTES = 64,
};

void handle_health(struct call *call, const ProtobufCMessage *request)
{
    (void)request;
    Openclaw__V1__HealthReply reply = OPENCLAW__V1__HEALTH_REPLY__INIT;
    struct service_status status;
    service_get_status(dispatch_service(call->dispatch), &status);
    reply.serving = OPENCLAW__V1__SERVING__SERVING_YES;
    if (status.lock != STORE_LOCK_NONE) {
        reply.serving = OPENCLAW__V1__SERVING__SERVING_LOCKED;
    }
    if (dispatch_is_draining(call->dispatch)) {
        reply.serving = OPENCLAW__V1__SERVING__SERVING_DRAINING;
    }
    call_reply(call, &reply.base);
}

static void describe_method(const struct method_row *row, char name[METHOD_NAME_BYTES],
                            Openclaw__V1__MethodDescription *out)
{
    const struct oc_method *method = oc_method_by_number(row->number);
    oc_method_format_name(method, name, METHOD_NAME_BYTES);
    openclaw__v1__method_description__init(out);
    out->number = row->number;
    out->name = name;
    out->role = convert_text_out(rpc_role_name(row->least));
    out->changes = method->changes;
    out->repeatable = method->is_repeatable;
}

void handle_describe(struct call *call, const ProtobufCMessage *request)
{
    (void)request;
    size_t n_rows = 0;
    const struct method_row *rows = dispatch_table(call->caller->door, &n_rows);
    Openclaw__V1__MethodDescription methods[MAX_METHODS];
    Openclaw__V1__MethodDescription *pointers[MAX_METHODS];
    char names[MAX_METHODS][METHOD_NAME_BYTES];
    Openclaw__V1__DescribeReply reply = OPENCLAW__V1__DESCRIBE_REPLY__INIT;
    for (size_t i = 0; i < n_rows && i < MAX_METHODS; i++) {
        describe_method(&rows[i], names[i], &methods[i]);
        pointers[i] = &methods[i];
        reply.n_methods = i + 1;
    }
    reply.methods = pointers;
    reply.min_version = OC_ENVELOPE_VERSION;
    reply.max_version = OC_ENVELOPE_VERSION;
    reply.door = convert_text_out(rpc_door_name(call->caller->door));
    call_reply(call, &reply.base);
}
