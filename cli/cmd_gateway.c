/* openclaw gateway: run the daemon, look at it, and leave a locked start. */
#include <inttypes.h>
#include <openclaw/admin.h>
#include <stdlib.h>
#include <string.h>

#include "cli/daemon.h"
#include "cli/escape.h"
#include "cli/failure.h"
#include "cli/gateway_reload.h"
#include "cli/gateway_unlock.h"
#include "cli/gateway_upkeep.h"
#include "cli/memory.h"
#include "cli/rollback_view.h"

enum {
    ID_DIGITS = 32,
    PIN_BYTES = 7 + 2 * OC_DIGEST_BYTES + 1,
};

#define CERTIFICATE_WARN_MS (INT64_C(30) * 24 * 3600 * 1000)

/* ---- run, check-config: the daemon beside this program --------------------------------------- */

static enum exit_code run_run(struct cli *cli)
{
    return daemon_exec(cli, "run", NULL);
}

static enum exit_code run_check_config(struct cli *cli)
{
    return daemon_exec(cli, "check-config", NULL);
}

/* ---- status, info ---------------------------------------------------------------------------- */

static void format_hex(const uint8_t *bytes, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void format_pin(const struct oc_gateway_status *status, char out[PIN_BYTES])
{
    memcpy(out, "sha256:", 8);
    format_hex(status->spki_sha256.bytes, sizeof status->spki_sha256.bytes, out + 7);
}

static void write_hex_id(struct writer *writer, const char *key, const uint8_t id[16])
{
    char text[ID_DIGITS + 1];
    format_hex(id, 16, text);
    writer_text_or_null(writer, key, text);
}

static void write_count(struct writer *writer, const char *key, uint64_t count)
{
    writer_key(writer, key);
    writer_uint(writer, count);
}

static void write_listeners(struct writer *writer, const struct oc_gateway_status *status)
{
    writer_key(writer, "listeners");
    writer_begin_list(writer);
    for (size_t i = 0; i < status->n_listeners; i++) {
        writer_begin_object(writer);
        writer_text_or_null(writer, "door", status->listeners[i].door);
        writer_text_or_null(writer, "address", status->listeners[i].address);
        writer_end_object(writer);
    }
    writer_end_list(writer);
}

static void write_counters(struct writer *writer, const struct oc_gateway_status *status)
{
    writer_key(writer, "counters");
    writer_begin_object(writer);
    for (size_t i = 0; i < status->n_counters; i++) {
        writer_untrusted_key(writer, status->counters[i].name);
        writer_uint(writer, status->counters[i].value);
    }
    writer_end_object(writer);
}

static void write_caps(struct writer *writer, const struct oc_gateway_status *status)
{
    writer_key(writer, "caps");
    writer_begin_list(writer);
    for (size_t i = 0; i < status->n_caps; i++) {
        const struct oc_cap_use *cap = &status->caps[i];
        writer_begin_object(writer);
        writer_text_or_null(writer, "name", cap->name);
        write_count(writer, "in_use", cap->in_use);
        write_count(writer, "limit", cap->limit);
        write_count(writer, "limit_per_source", cap->limit_per_source);
        write_count(writer, "refused", cap->refused);
        write_count(writer, "shed", cap->shed);
        writer_end_object(writer);
    }
    writer_end_list(writer);
    write_count(writer, "forgotten", status->n_forgotten);
}

static bool is_failing(const struct oc_gateway_status *status)
{
    return status->store_failing_since_ms != 0;
}

static void write_store(struct writer *writer, const struct oc_gateway_status *status)
{
    writer_text_or_null(writer, "store", status->store);
    writer_text_or_null(writer, "store_state", is_failing(status) ? "failing" : "ok");
    writer_text_or_null(writer, "store_cause", status->store_cause);
    writer_text_or_null(writer, "store_error", status->store_error);
    writer_time_or_null(writer, "store_failing_since", status->store_failing_since_ms);
    writer_time_or_null(writer, "store_last_write_at", status->store_last_write_ms);
    writer_key(writer, "approvals_refused");
    writer_bool(writer, is_failing(status) || status->lock_reason[0] != '\0');
    write_count(writer, "unsaved", status->n_unsaved);
    write_count(writer, "checkpoint_seq", status->checkpoint_seq);
    writer_time_or_null(writer, "checkpoint_at", status->checkpoint_at_ms);
    writer_text_or_null(writer, "checkpoint_error", status->checkpoint_error);
    write_count(writer, "missing_from_seq", status->missing_from_seq);
    write_count(writer, "missing_to_seq", status->missing_to_seq);
    writer_time_or_null(writer, "missing_since", status->missing_since_ms);
}

static void write_certificates(struct writer *writer, const struct oc_gateway_status *status)
{
    writer_key(writer, "admin_door_shut");
    writer_bool(writer, status->is_admin_door_shut);
    writer_time_or_null(writer, "admin_ca_ends_at", status->admin_ca_ends_ms);
    write_count(writer, "certificates_ending", status->n_certificates_ending);
    writer_text_or_null(writer, "certificate_ending", status->certificate_ending_name);
    writer_time_or_null(writer, "certificate_ends_at", status->certificate_ends_ms);
}

/* Of a gateway that is asked for its status. */
struct gateway_view {
    struct oc_gateway_status status; /* first */
    struct rollback_view rollback;
};

static void write_status(struct writer *writer, const void *item)
{
    const struct gateway_view *view = item;
    const struct oc_gateway_status *status = &view->status;
    char pin[PIN_BYTES];
    format_pin(status, pin);
    writer_begin_object(writer);
    writer_text_or_null(writer, "state", status->lock_reason[0] ? "locked" : "serving");
    writer_text_or_null(writer, "lock_reason", status->lock_reason);
    writer_text_or_null(writer, "version", status->version);
    writer_key(writer, "pid");
    writer_uint(writer, status->pid);
    writer_time_or_null(writer, "started_at", status->started_at_ms);
    write_hex_id(writer, "gateway_id", status->gateway_id);
    write_hex_id(writer, "database_id", status->database_id);
    write_count(writer, "epoch", status->epoch);
    write_count(writer, "seq", status->seq);
    write_store(writer, status);
    writer_key(writer, "rollback");
    rollback_write(writer, &view->rollback);
    writer_text_or_null(writer, "pin", pin);
    write_listeners(writer, status);
    writer_key(writer, "pairing_required");
    writer_bool(writer, status->pairing_required);
    write_count(writer, "pending", status->n_pending);
    write_count(writer, "approved", status->n_approved);
    write_count(writer, "revoked", status->n_revoked);
    write_count(writer, "blocked", status->n_blocked);
    write_count(writer, "online", status->n_online);
    write_count(writer, "quarantined", status->n_quarantined);
    write_certificates(writer, status);
    write_caps(writer, status);
    write_counters(writer, status);
    writer_end_object(writer);
}

static void name_status(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct oc_gateway_status *status = item;
    format_hex(status->gateway_id, sizeof status->gateway_id, out);
}

static const struct item_kind status_kind = {.write = write_status, .name = name_status};

/* The first address of the devices' door, or "". */
static const char *device_address(const struct oc_gateway_status *status)
{
    for (size_t i = 0; i < status->n_listeners; i++) {
        if (strcmp(status->listeners[i].door, "devices") == 0) {
            return status->listeners[i].address;
        }
    }
    return "";
}

static void write_info(struct writer *writer, const void *item)
{
    const struct oc_gateway_status *status = item;
    char pin[PIN_BYTES];
    format_pin(status, pin);
    writer_begin_object(writer);
    writer_text_or_null(writer, "address", device_address(status));
    writer_text_or_null(writer, "pin", pin);
    write_hex_id(writer, "gateway_id", status->gateway_id);
    write_listeners(writer, status);
    writer_key(writer, "pairing_required");
    writer_bool(writer, status->pairing_required);
    writer_text_or_null(writer, "version", status->version);
    writer_end_object(writer);
}

static void name_info(const void *item, char out[OUTPUT_NAME_BYTES])
{
    format_pin(item, out);
}

static const struct item_kind info_kind = {.write = write_info, .name = name_info};

static enum exit_code load_status(struct cli *cli, struct oc_gateway_status *status)
{
    struct failure failure;
    struct oc_error err;
    if (call_open(cli, &failure)) {
        return failure_say(cli->terminal, &failure);
    }
    enum oc_status result = oc_admin_status(cli->client, status, &err);
    if (result) {
        (void)call_failure(&failure, cli, "cannot ask the gateway", result, &err);
        return failure_say(cli->terminal, &failure);
    }
    return EXIT_DONE;
}

/* What whoever asks for the address must hear too; status says it itself. */
static void warn_of_state(const struct cli *cli, const struct oc_gateway_status *status)
{
    if (status->lock_reason[0] != '\0') {
        terminal_say(cli->terminal, "openclaw: warning: the gateway is locked and serves no "
                                    "device; see openclaw gateway status");
    }
    if (!status->pairing_required) {
        terminal_say(cli->terminal, "openclaw: warning: pairing is switched off "
                                    "(pairingRequired: false); any device may connect");
    }
}

static void print_text_fact(const struct cli *cli, const char *label, const char *text)
{
    char safe[CELL_BYTES];
    escape_for_terminal(text, safe, sizeof safe);
    output_fact(cli->terminal->out, label, safe);
}

static void print_counters(const struct cli *cli, const struct oc_gateway_status *status)
{
    for (size_t i = 0; i < status->n_counters; i++) {
        char name[CELL_BYTES];
        escape_for_terminal(status->counters[i].name, name, sizeof name);
        (void)fprintf(cli->terminal->out, "  %-40s %" PRIu64 "\n", name, status->counters[i].value);
    }
}

/* What was approved although votes were missing is not to be overlooked. */
static void print_break_glass(const struct cli *cli, const struct oc_gateway_status *status)
{
    for (size_t i = 0; i < status->n_counters; i++) {
        const struct oc_counter *counter = &status->counters[i];
        if (counter->value > 0 && strcmp(counter->name, "openclaw_break_glass_total") == 0) {
            char text[CELL_BYTES];
            (void)snprintf(text, sizeof text,
                           "%" PRIu64
                           " approved without the votes needed since the start: openclaw "
                           "audit list --action break_glass",
                           counter->value);
            print_text_fact(cli, "glass", text);
        }
    }
}

static void print_caps(const struct cli *cli, const struct oc_gateway_status *status)
{
    char text[CELL_BYTES];
    for (size_t i = 0; i < status->n_caps; i++) {
        const struct oc_cap_use *cap = &status->caps[i];
        (void)snprintf(text, sizeof text,
                       "%s %" PRIu64 " of %" PRIu64 ", %" PRIu64 " per source; %" PRIu64
                       " refused, %" PRIu64 " shed",
                       cap->name, cap->in_use, cap->limit, cap->limit_per_source, cap->refused,
                       cap->shed);
        print_text_fact(cli, "limit", text);
    }
    if (status->n_forgotten > 0) {
        (void)snprintf(text, sizeof text, "%" PRIu64 " records of strangers that asked and left",
                       status->n_forgotten);
        print_text_fact(cli, "forgotten", text);
    }
}

/* Nothing where nothing is wrong. */
static void print_audit_trouble(const struct cli *cli, const struct gateway_view *view)
{
    const struct oc_gateway_status *status = &view->status;
    char text[CELL_BYTES];
    rollback_print(cli->terminal->out, &view->rollback);
    if (status->missing_to_seq > 0) {
        gateway_format_missing(status, text, sizeof text);
        print_text_fact(cli, "missing", text);
    }
    if (status->checkpoint_error[0] != '\0') {
        (void)snprintf(text, sizeof text, "the audit's checkpoints cannot be kept: %.300s",
                       status->checkpoint_error);
        print_text_fact(cli, "checkpoint", text);
    }
}

/* Nothing where nothing is wrong. */
static void print_store_failure(const struct cli *cli, const struct oc_gateway_status *status)
{
    char text[CELL_BYTES];
    char since[MOMENT_BYTES];
    char last[MOMENT_BYTES];
    if (is_failing(status)) {
        moment_format_age(status->store_failing_since_ms, cli->terminal->now_ms, since);
        moment_format_age(status->store_last_write_ms, cli->terminal->now_ms, last);
        (void)snprintf(text, sizeof text, "cannot be written for %s%s%s", since,
                       status->store_last_write_ms ? ", last write that worked " : "",
                       status->store_last_write_ms ? last : "");
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s",
                       status->store_last_write_ms ? " ago" : "");
        print_text_fact(cli, "failing", text);
        print_text_fact(cli, "because", status->store_error);
        print_text_fact(cli, "effect",
                        "approvals and new requests are refused; sessions go on; revoke and "
                        "block cut off at once");
        print_text_fact(cli, "fix",
                        strcmp(status->store_cause, "disk_full") == 0
                            ? "free space on that disk; the gateway goes on by itself"
                            : "mend the disk; the gateway goes on by itself, or restart it");
    }
    if (status->n_unsaved > 0) {
        (void)snprintf(text, sizeof text,
                       "%" PRIu64 " of what was revoked, blocked or removed is in force but not "
                       "durable yet: if the gateway ends before it is, repeat it",
                       status->n_unsaved);
        print_text_fact(cli, "unsaved", text);
    }
}

static void print_certificates(const struct cli *cli, const struct oc_gateway_status *status)
{
    char text[CELL_BYTES];
    char age[MOMENT_BYTES];
    const int64_t now_ms = cli->terminal->now_ms;
    if (status->admin_ca_ends_ms != 0 && status->admin_ca_ends_ms - now_ms < CERTIFICATE_WARN_MS) {
        moment_format_age(status->admin_ca_ends_ms, now_ms, age);
        (void)snprintf(text, sizeof text, "the admin CA's ends %s%s", age,
                       status->admin_ca_ends_ms < now_ms ? " ago: no remote administrator gets in"
                                                         : "");
        print_text_fact(cli, "certificate", text);
        print_text_fact(cli, "fix",
                        "openclaw pki init --replace, then openclaw pki issue NAME --role ROLE "
                        "for each administrator; of a CA in admin.ca: a newer file there, then "
                        "openclaw gateway reload");
    }
    if (status->n_certificates_ending > 0) {
        moment_format_age(status->certificate_ends_ms, now_ms, age);
        (void)snprintf(text, sizeof text,
                       "administrators whose certificate ends soon: %" PRIu64 ", first %s, %s",
                       status->n_certificates_ending, status->certificate_ending_name, age);
        print_text_fact(cli, "certificate", text);
        (void)snprintf(text, sizeof text, "openclaw pki renew %s", status->certificate_ending_name);
        print_text_fact(cli, "fix", text);
    }
}

static void print_shut_door(const struct cli *cli, const struct oc_gateway_status *status)
{
    if (status->is_admin_door_shut) {
        print_text_fact(cli, "admin",
                        "shut although listen.admin is set: there is no admin CA yet");
        print_text_fact(cli, "fix",
                        "openclaw pki init; of a CA in admin.ca: its certificate there, then "
                        "openclaw gateway reload");
    }
}

static void print_status(const struct cli *cli, const struct gateway_view *view)
{
    const struct oc_gateway_status *status = &view->status;
    char text[CELL_BYTES];
    char age[MOMENT_BYTES];
    char pin[PIN_BYTES];
    format_pin(status, pin);
    moment_format_age(status->started_at_ms, cli->terminal->now_ms, age);
    bool is_locked = status->lock_reason[0] != '\0';
    print_text_fact(cli, "gateway",
                    is_locked            ? "locked: it serves no device"
                    : is_failing(status) ? "serving, but the store fails: approvals are refused"
                                         : "serving");
    print_text_fact(cli, "because", status->lock_reason);
    print_text_fact(cli, "fix",
                    is_locked ? "openclaw gateway unlock --help tells the two ways out" : "");
    (void)snprintf(text, sizeof text, "%s, pid %" PRIu32 ", up %s", status->version, status->pid,
                   age);
    print_text_fact(cli, "version", text);
    for (size_t i = 0; i < status->n_listeners; i++) {
        print_text_fact(cli, status->listeners[i].door, status->listeners[i].address);
    }
    print_shut_door(cli, status);
    print_text_fact(cli, "pin", pin);
    (void)snprintf(text, sizeof text, "%s, epoch %" PRIu64 ", seq %" PRIu64, status->store,
                   status->epoch, status->seq);
    print_text_fact(cli, "store", status->store[0] != '\0' ? text : "none is open");
    print_audit_trouble(cli, view);
    print_store_failure(cli, status);
    print_certificates(cli, status);
    print_text_fact(cli, "pairing",
                    status->pairing_required ? "required"
                                             : "off (pairingRequired: false): any "
                                               "device may connect");
    (void)snprintf(text, sizeof text,
                   "%" PRIu64 " awaiting approval, %" PRIu64 " approved, %" PRIu64
                   " online, %" PRIu64 " revoked, %" PRIu64 " blocked, %" PRIu64 " quarantined",
                   status->n_pending, status->n_approved, status->n_online, status->n_revoked,
                   status->n_blocked, status->n_quarantined);
    print_text_fact(cli, "pairings", text);
    print_break_glass(cli, status);
    print_caps(cli, status);
    if (cli->output.format == OUTPUT_WIDE) {
        print_counters(cli, status);
    }
}

/* The port of an address that means every one of the machine; NULL: it is another. */
static const char *port_of_any(const char *address)
{
    static const char *const any[] = {"tls+tcp://0.0.0.0:", "tls+tcp://[::]:", "tls+tcp://*:"};
    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
        if (strncmp(address, any[i], strlen(any[i])) == 0) {
            return address + strlen(any[i]);
        }
    }
    return NULL;
}

static void print_info(const struct cli *cli, const struct gateway_view *view)
{
    const struct oc_gateway_status *status = &view->status;
    warn_of_state(cli, status);
    char text[CELL_BYTES];
    char pin[PIN_BYTES];
    format_pin(status, pin);
    for (size_t i = 0; i < status->n_listeners; i++) {
        if (strcmp(status->listeners[i].door, "devices") == 0) {
            print_text_fact(cli, "address", status->listeners[i].address);
        }
    }
    print_text_fact(cli, "pin", pin);
    const char *address = device_address(status);
    const char *port = port_of_any(address);
    if (port) {
        (void)snprintf(text, sizeof text, "openclaw agent run --gateway tls+tcp://HOST:%s --pin %s",
                       port, pin);
        print_text_fact(cli, "agents run", text);
        print_text_fact(cli, "HOST",
                        "is a name or address of this machine as the agents reach it: it listens "
                        "on all it has, and so cannot tell which");
    } else {
        (void)snprintf(text, sizeof text, "openclaw agent run --gateway %s --pin %s", address, pin);
        print_text_fact(cli, "agents run", text);
    }
}

typedef void (*print_status_fn)(const struct cli *cli, const struct gateway_view *view);

static enum exit_code show(struct cli *cli, const struct item_kind *kind, print_status_fn print)
{
    struct gateway_view *view = memory_zeroed(1, sizeof *view);
    enum exit_code code = load_status(cli, &view->status);
    if (!code) {
        if (view->status.lock_reason[0] != '\0') {
            rollback_load(cli, &view->rollback);
        }
        if (!output_item(&cli->output, kind, view)) {
            print(cli, view);
        }
    }
    free(view);
    return code;
}

static enum exit_code run_status(struct cli *cli)
{
    return show(cli, &status_kind, print_status);
}

static enum exit_code run_info(struct cli *cli)
{
    return show(cli, &info_kind, print_info);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct command commands[] = {
    {
        .verb = "run",
        .words = "",
        .summary = "Starts the gateway on this machine, in the foreground",
        .examples = "  openclaw gateway run\n"
                    "  openclaw gateway run --data-dir /var/lib/openclaw\n",
        .options = OPT_BIT(OPT_CONFIG),
        .target = TARGET_HERE_TOLD,
        .run = run_run,
    },
    {
        .verb = "status",
        .words = "",
        .summary = "Whether it serves, since when, how many devices wait and are connected",
        .examples = "  openclaw gateway status\n"
                    "  openclaw gateway status -o wide      with all counters\n",
        .run = run_status,
    },
    {
        .verb = "info",
        .words = "",
        .summary = "Address and pin to give to agents",
        .examples = "  openclaw gateway info\n"
                    "  openclaw gateway info -o name        the pin alone\n",
        .run = run_info,
    },
    {
        .verb = "check-config",
        .words = "",
        .summary = "Reads the configuration and tells what is wrong with it",
        .examples = "  openclaw gateway check-config\n"
                    "  openclaw gateway check-config --config new.yaml\n",
        .options = OPT_BIT(OPT_CONFIG),
        .target = TARGET_HERE_TOLD,
        .run = run_check_config,
    },
    {
        .verb = "reload",
        .words = "",
        .summary = "Has the running gateway read its configuration again",
        .examples = "  openclaw gateway reload\n"
                    "  openclaw gateway reload -o json\n",
        .notes = "At once: pairing.*, defaultGrant, trustedNetworks, admin.localUids, log.*, and\n"
                 "pairingRequired: true. What needs a restart is named and keeps its old value. A\n"
                 "file that is not sound changes nothing. SIGHUP to the gateway does the same.\n",
        .run = gateway_run_reload,
    },
    {
        .verb = "backup",
        .words = "[FILE]",
        .summary = "Copies the records of the running gateway into one file",
        .examples = "  openclaw gateway backup\n"
                    "  openclaw gateway backup /var/backups/openclaw.db\n",
        .notes =
            "Without FILE: into the gateway's own directory, under a name with the time. The\n"
            "name is printed. The gateway goes on meanwhile; an existing file is never written\n"
            "over. No secret is in it: keep gateway.key and secret.key apart, once.\n",
        .most_words = 1,
        .target = TARGET_HERE,
        .run = gateway_run_backup,
    },
    {
        .verb = "restore",
        .words = "FILE",
        .summary = "Puts a backup in the place of the records of a gateway that does not run",
        .examples = "  openclaw gateway restore /var/backups/openclaw.db\n"
                    "  openclaw gateway restore --yes backup.db     off a terminal\n",
        .notes =
            "It tells first what both hold and which later decisions would be lost. Who was shut\n"
            "out since (revoked, blocked) stays out, unless --as-it-was. The records before are\n"
            "moved aside, not deleted. A gateway with an older state starts locked.\n"
            "Run it as the user the gateway runs under.\n",
        .options = OPT_BIT(OPT_CONFIG) | OPT_BIT(OPT_AS_IT_WAS),
        .least_words = 1,
        .most_words = 1,
        .target = TARGET_HERE,
        .run = gateway_run_restore,
    },
    {
        .verb = "unlock",
        .words = "",
        .summary = "Leaves a locked start, which lost or older records cause",
        .examples = "  openclaw gateway status               tells why it is locked\n"
                    "  openclaw gateway unlock --accept-rollback\n"
                    "  openclaw gateway unlock --checkpoint audit.ndjson    only tells\n"
                    "  openclaw gateway unlock --init\n",
        .notes = "--accept-rollback: later approvals and revocations are lost; check the list.\n"
                 "--init: all pairings are lost; every device must pair again.\n"
                 "--checkpoint FILE: an export of the audit, or its checkpoints, which were kept\n"
                 "elsewhere: tells first which records are missing, each by itself if it is an\n"
                 "export. A file that is not whole, or that this gateway's key did not sign, "
                 "ends it.\n",
        .options = OPT_BIT(OPT_ACCEPT_ROLLBACK) | OPT_BIT(OPT_CHECKPOINT) | OPT_BIT(OPT_INIT),
        .target = TARGET_HERE,
        .run = gateway_run_unlock,
    },
};

const struct noun gateway_noun = {
    .name = "gateway",
    .summary = "the daemon and its upkeep",
    .commands = commands,
    .n_commands = sizeof commands / sizeof commands[0],
};
