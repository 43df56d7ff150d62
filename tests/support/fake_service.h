/*
 * Services that decide nothing: they remember what they were asked, and answer what the test says,
 * when it says so. Defines the functions of server/service that server/rpc calls.
 */
#pragma once

#include "server/service/administrators.h"
#include "server/service/backup.h"
#include "server/service/checkpoints.h"
#include "server/service/reload.h"
#include "server/service/review.h"

struct peer {
    struct service *service;
    const struct peer_ops *ops;
    void *user;
    struct oc_device_id id;
    bool is_source_trusted;
    bool is_closed;
    bool is_welcome;
};

struct service {
    bool parks; /* keeps calls for the test to finish; else they are answered at once */

    /* Seen. */
    unsigned n_calls; /* of any function that handlers reach but status and ids */
    unsigned n_denied;
    unsigned n_peers;
    struct peer *last_peer;
    char denied_method[80];
    struct connect_facts connect_facts;
    struct decide_command command;
    struct admin_caller admin_caller;
    struct list_query list_query;
    char selector[256];
    uint64_t after_seq;
    uint32_t budget_ms;

    /* Parked. */
    struct connect_call connect_call;
    struct wait_call wait_call;
    struct notice_call notice_call;
    struct decide_call decide_call;
    struct audit_call audit_call;
    struct watch_call watch_call;
    uint64_t backup_ticket;
    struct backup_call backup_call;
    struct checkpoint_call checkpoint_call;
    struct reload_call reload_call;

    /* To answer. */
    struct connect_result connect_result;
    struct wait_result wait_result;
    struct notice_result notice_result;
    struct decide_result decide_result;
    struct audit_result audit_result;
    struct watch_result watch_result;
    struct backup_result backup_result;
    struct reload_result reload_result;
    struct resolve_result resolve_result;
    struct oc_device_id reviewed;
    struct review_result review_result;
    bool is_reviewed_known;
    struct service_status status;
    enum oc_status heartbeat_status;
    bool welcomes_everyone;
    bool has_open_requests;
    enum administrators_standing standing; /* of every certificate, with this role */
    enum administrator_role role;
    struct administrator_command administrator_command;
    struct administrator_result administrator_result;
    struct device_view listed; /* this one, n_listed times (at most the limit asked for) */
    size_t n_listed;
};
