/* The handlers: convert in, one service call, convert out. See dispatch.c for who may call them. */
#pragma once

#include "server/rpc/dispatch.h"

/* pairing_rpc.c */
void handle_connect(struct call *call, const ProtobufCMessage *request);
void handle_await_decision(struct call *call, const ProtobufCMessage *request);
void handle_heartbeat(struct call *call, const ProtobufCMessage *request);
void handle_await_notice(struct call *call, const ProtobufCMessage *request);

/* admin_read_rpc.c */
void handle_get_status(struct call *call, const ProtobufCMessage *request);
void handle_list_devices(struct call *call, const ProtobufCMessage *request);
void handle_resolve(struct call *call, const ProtobufCMessage *request);
void handle_list_audit(struct call *call, const ProtobufCMessage *request);
void handle_watch_events(struct call *call, const ProtobufCMessage *request);

/* admin_rpc.c */
struct admin_caller;
/* Who decides, as the service wants it: reads the envelope, so before the call is deferred. */
void admin_caller_of(const struct call *call, struct admin_caller *out);
void handle_approve(struct call *call, const ProtobufCMessage *request);
void handle_reject(struct call *call, const ProtobufCMessage *request);
void handle_revoke(struct call *call, const ProtobufCMessage *request);
void handle_block(struct call *call, const ProtobufCMessage *request);
void handle_unblock(struct call *call, const ProtobufCMessage *request);
void handle_dismiss(struct call *call, const ProtobufCMessage *request);
void handle_rename(struct call *call, const ProtobufCMessage *request);
void handle_remove(struct call *call, const ProtobufCMessage *request);
void handle_expect(struct call *call, const ProtobufCMessage *request);
void handle_unlock(struct call *call, const ProtobufCMessage *request);

/* backup_rpc.c */
void handle_backup(struct call *call, const ProtobufCMessage *request);

/* reload_rpc.c */
void handle_reload(struct call *call, const ProtobufCMessage *request);

/* checkpoint_rpc.c */
void handle_checkpoint(struct call *call, const ProtobufCMessage *request);
/* administrators_rpc.c */
void handle_init_pki(struct call *call, const ProtobufCMessage *request);
void handle_issue_administrator(struct call *call, const ProtobufCMessage *request);
void handle_renew_administrator(struct call *call, const ProtobufCMessage *request);
void handle_revoke_administrator(struct call *call, const ProtobufCMessage *request);
void handle_list_administrators(struct call *call, const ProtobufCMessage *request);
void handle_set_administrator_role(struct call *call, const ProtobufCMessage *request);

/* review_rpc.c */
void handle_review(struct call *call, const ProtobufCMessage *request);

/* health_rpc.c */
void handle_health(struct call *call, const ProtobufCMessage *request);
void handle_describe(struct call *call, const ProtobufCMessage *request);
