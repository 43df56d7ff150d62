/* A live backup: asked after until it is over. openclaw/backup.h tells the contract. */
#include <openclaw/backup.h>
#include <string.h>

#include "client/client_internal.h"
#include "client/convert.h"

struct asked {
    uint64_t ticket;
    bool is_done;
    enum oc_status failed;
    char failure[OC_ERROR_TEXT_BYTES];
    struct oc_backup backup;
};

static void on_backup(const Openclaw__V1__BackupReply *reply, void *user)
{
    struct oc_blocking *call = user;
    struct asked *asked = call->out;
    struct oc_backup backup = {.pages = 0};
    bool ok =
        reply && reply->failed < OC_STATUS_COUNT && (reply->done || reply->ticket) &&
        oc_take_bytes(reply->gateway_id, true, backup.gateway_id, sizeof backup.gateway_id) &&
        oc_take_bytes(reply->database_id, true, backup.database_id, sizeof backup.database_id);
    if (ok) {
        backup.pages = reply->pages;
        backup.pages_left = reply->pages_left;
        backup.bytes = reply->bytes;
        backup.epoch = reply->epoch;
        backup.seq = reply->seq;
        oc_take_text(reply->path, backup.path, sizeof backup.path);
        oc_take_text(reply->failure, asked->failure, sizeof asked->failure);
        asked->ticket = reply->ticket;
        asked->is_done = reply->done;
        asked->failed = (enum oc_status)reply->failed;
        asked->backup = backup;
    }
    oc_blocking_finish(call, reply != NULL, ok ? OC_OK : OC_INTERNAL);
}

static enum oc_status ask(struct oc_client *client, struct asked *asked, struct oc_error *err)
{
    struct oc_blocking call;
    Openclaw__V1__BackupRequest request = OPENCLAW__V1__BACKUP_REQUEST__INIT;
    request.ticket = asked->ticket;
    oc_blocking_begin(&call, client, &openclaw__v1__admin_service__descriptor, asked);
    openclaw__v1__admin_service__backup(&call.proxy.base, &request, on_backup, &call);
    return oc_blocking_end(&call, err);
}

enum oc_status oc_admin_backup(struct oc_client *client, oc_backup_fn progress, void *user,
                               struct oc_backup *out, struct oc_error *err)
{
    struct asked asked = {.ticket = 0};
    do {
        enum oc_status st = ask(client, &asked, err);
        if (st) {
            return st;
        }
        if (!asked.is_done && progress) {
            progress(user, &asked.backup);
        }
    } while (!asked.is_done);
    if (asked.failed) {
        return oc_fail(err, asked.failed, "%s", asked.failure);
    }
    *out = asked.backup;
    out->gateway_uid = atomic_load(&client->gateway_uid);
    return OC_OK;
}
