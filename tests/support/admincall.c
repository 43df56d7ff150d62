/*
 * admincall: calls of the administrators' methods over one connection that stays open, for system
 * tests. Reads commands, a line each, and answers each with a line: the status, its cause, and
 * facts.
 *
 *     admincall ipc://PATH
 *     admincall tls+tcp://HOST:PORT KEY_AND_CERTIFICATE.pem
 *
 *     init [replace] | init-with CA.der [replace]      issue NAME ROLE CSR.der OUT.pem
 *     renew NAME|- CSR.der OUT.pem                     revoke NAME | revoke-certificate HEX
 *     role NAME ROLE | list | call NUMBER | block HEX | decide NUMBER HEX | approve SELECTOR
 *     watch SEQ COUNT WANTED   so many calls at once that wait for a later change; the statuses of
 *                              the first WANTED answers
 *     vote REQUEST [scope=SCOPE | for=MS | label=KEY=VALUE | glass=REASON]...
 *
 * "CLOSED" when the gateway closed the connection instead of answering.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <openssl/pem.h>

#include "openclaw/v1/admin.pb-c.h"
#include "openclaw/v1/envelope.pb-c.h"
#include "proto/base/hex.h"
#include "proto/rpc/tls_internal.h"
#include "tests/support/rpc_peer.h"

#define NUMBER(name) OPENCLAW__V1__METHOD__METHOD_##name

enum {
    LINE_BYTES = 1024,
    FILE_BYTES = 16 * 1024,
    MAX_WORDS = 8,
};

static void die(const char *what)
{
    (void)fprintf(stderr, "admincall: %s\n", what);
    exit(2);
}

static size_t read_file(const char *path, uint8_t out[FILE_BYTES])
{
    FILE *file = fopen(path, "re");
    if (!file) {
        die(path);
    }
    const size_t n = fread(out, 1, FILE_BYTES, file);
    (void)fclose(file);
    return n;
}

/* A client's context of the key, with the certificate of the file in place of our own. */
static struct oc_tls_context *make_tls(const char *path)
{
    uint8_t pem[FILE_BYTES];
    const size_t n = read_file(path, pem);
    const struct oc_tls_trust trust = {.n_pins = 0};
    struct oc_identity *identity = NULL;
    struct oc_tls_context *tls = NULL;
    struct oc_error err;
    if (oc_identity_parse(OC_IDENTITY_GATEWAY, (char *)pem, n, &identity, &err) &&
        oc_identity_parse(OC_IDENTITY_DEVICE, (char *)pem, n, &identity, &err)) {
        die(err.text);
    }
    if (oc_tls_context_for_client(identity, &trust, &tls, &err)) {
        die(err.text);
    }
    BIO *text = BIO_new_mem_buf(pem, (int)n);
    X509 *certificate = PEM_read_bio_X509(text, NULL, NULL, NULL);
    if (certificate && SSL_CTX_use_certificate(tls->ssl, certificate) != 1) {
        die("certificate and key do not belong together");
    }
    X509_free(certificate);
    BIO_free(text);
    oc_identity_free(identity);
    return tls;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void print_certificate(const ProtobufCBinaryData *der, const char *path)
{
    const uint8_t *at = der->data;
    X509 *certificate = d2i_X509(NULL, &at, (long)der->len);
    FILE *file = fopen(path, "we");
    if (!certificate || !file || PEM_write_X509(file, certificate) != 1) {
        die(path);
    }
    (void)fclose(file);
    X509_free(certificate);
}

static void print_administrator(const Openclaw__V1__Administrator *it)
{
    static const char *const states[] = {"none", "active", "revoked", "expired"};
    static const char *const roles[] = {"none", "viewer", "approver", "admin"};
    printf(" %s role=%s state=%s online=%d", it->name, roles[it->role & 3], states[it->state & 3],
           it->online);
    for (size_t i = 0; i < it->n_certificates; i++) {
        char hex[65] = "";
        oc_hex_format(it->certificates[i]->sha256.data, 32, hex);
        printf(" %s=%s", it->certificates[i]->revoked_at_ms ? "revoked" : "certificate", hex);
    }
}

static void print_reply(uint32_t method, const ProtobufCMessage *message, const char *path)
{
    if (method == NUMBER(ISSUE_ADMINISTRATOR) || method == NUMBER(RENEW_ADMINISTRATOR)) {
        const Openclaw__V1__IssueAdministratorReply *reply =
            (const Openclaw__V1__IssueAdministratorReply *)message;
        print_certificate(&reply->certificate, path);
        print_administrator(reply->administrator);
    } else if (method == NUMBER(REVOKE_ADMINISTRATOR) || method == NUMBER(SET_ADMINISTRATOR_ROLE)) {
        const Openclaw__V1__AdministratorReply *reply =
            (const Openclaw__V1__AdministratorReply *)message;
        printf(" closed=%u seq=%llu", reply->connections_closed, (unsigned long long)reply->seq);
        print_administrator(reply->administrator);
    } else if (method == NUMBER(LIST_ADMINISTRATORS)) {
        const Openclaw__V1__ListAdministratorsReply *reply =
            (const Openclaw__V1__ListAdministratorsReply *)message;
        printf(" ca=%d address=%s", reply->ca != NULL, reply->admin_address);
        for (size_t i = 0; i < reply->n_items; i++) {
            printf(" |");
            print_administrator(reply->items[i]);
        }
    } else if (method == NUMBER(INIT_PKI)) {
        const Openclaw__V1__InitPkiReply *reply = (const Openclaw__V1__InitPkiReply *)message;
        printf(" address=%s revoked=%u", reply->admin_address, reply->revoked);
    } else if (method == NUMBER(APPROVE)) {
        const Openclaw__V1__DecisionReply *reply = (const Openclaw__V1__DecisionReply *)message;
        if (reply->votes_needed == 0) {
            return;
        }
        printf(" voted=%d votes=%u/%u else=%u glass=%d seq=%llu", reply->voted, reply->votes,
               reply->votes_needed, reply->votes_for_else, reply->broke_glass,
               (unsigned long long)reply->seq);
    }
}

static bool is_closed(struct rpc_peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    const bool it_is = peer->is_closed;
    pthread_mutex_unlock(&peer->lock);
    return it_is;
}

static void call(struct rpc_peer *peer, uint32_t method, const ProtobufCMessage *message,
                 const char *path)
{
    const struct timespec pause = {.tv_nsec = 2 * 1000 * 1000};
    const uint32_t word = rpc_peer_send(peer, method, message);
    while (!rpc_peer_has(peer, word) && !is_closed(peer)) {
        (void)nanosleep(&pause, NULL);
    }
    if (!rpc_peer_has(peer, word)) {
        printf("CLOSED\n");
        return;
    }
    const struct oc_reply reply = rpc_peer_wait(peer, word);
    printf("%s", oc_status_name(reply.status));
    if (reply.status) {
        printf(" cause=%s field=%s not_durable=%d phrase=%s", reply.error.cause, reply.error.field,
               reply.error.is_not_durable, reply.error.text);
    } else {
        print_reply(method, rpc_peer_decode(peer, method, &reply), path);
    }
    printf("\n");
}

/* ---- commands -------------------------------------------------------------------------------- */

static char *word_at(char **words, size_t at)
{
    if (!words[at]) {
        die("a word is missing");
    }
    return words[at];
}

static Openclaw__V1__AdministratorRole role_of(const char *word)
{
    return (Openclaw__V1__AdministratorRole)(strcmp(word, "viewer") == 0     ? 1
                                             : strcmp(word, "approver") == 0 ? 2
                                             : strcmp(word, "admin") == 0    ? 3
                                                                             : 0);
}

static void init(struct rpc_peer *peer, char **words, bool brings)
{
    uint8_t der[FILE_BYTES];
    Openclaw__V1__InitPkiRequest request = OPENCLAW__V1__INIT_PKI_REQUEST__INIT;
    if (brings) {
        request.ca_certificate = (ProtobufCBinaryData){read_file(word_at(words, 1), der), der};
    }
    request.replaces = words[brings ? 2 : 1] != NULL;
    call(peer, NUMBER(INIT_PKI), &request.base, NULL);
}

static void issue(struct rpc_peer *peer, char **words)
{
    uint8_t csr[FILE_BYTES];
    Openclaw__V1__IssueAdministratorRequest request =
        OPENCLAW__V1__ISSUE_ADMINISTRATOR_REQUEST__INIT;
    request.name = words[1];
    request.role = role_of(word_at(words, 2));
    request.csr = (ProtobufCBinaryData){read_file(word_at(words, 3), csr), csr};
    call(peer, NUMBER(ISSUE_ADMINISTRATOR), &request.base, words[4]);
}

static void renew(struct rpc_peer *peer, char **words)
{
    uint8_t csr[FILE_BYTES];
    Openclaw__V1__RenewAdministratorRequest request =
        OPENCLAW__V1__RENEW_ADMINISTRATOR_REQUEST__INIT;
    request.name = strcmp(word_at(words, 1), "-") != 0 ? words[1] : request.name;
    request.csr = (ProtobufCBinaryData){read_file(word_at(words, 2), csr), csr};
    call(peer, NUMBER(RENEW_ADMINISTRATOR), &request.base, words[3]);
}

static void revoke(struct rpc_peer *peer, char **words, bool by_certificate)
{
    uint8_t digest[32];
    Openclaw__V1__RevokeAdministratorRequest request =
        OPENCLAW__V1__REVOKE_ADMINISTRATOR_REQUEST__INIT;
    if (by_certificate) {
        if (!oc_hex_parse(word_at(words, 1), sizeof digest, digest)) {
            die(words[1]);
        }
        request.sha256 = (ProtobufCBinaryData){sizeof digest, digest};
    } else {
        request.name = words[1];
    }
    call(peer, NUMBER(REVOKE_ADMINISTRATOR), &request.base, NULL);
}

static void set_role(struct rpc_peer *peer, char **words)
{
    Openclaw__V1__SetAdministratorRoleRequest request =
        OPENCLAW__V1__SET_ADMINISTRATOR_ROLE_REQUEST__INIT;
    request.name = words[1];
    request.role = role_of(word_at(words, 2));
    call(peer, NUMBER(SET_ADMINISTRATOR_ROLE), &request.base, NULL);
}

static void decide(struct rpc_peer *peer, uint32_t method, const char *hex)
{
    uint8_t id[32];
    Openclaw__V1__DeviceDecision request = OPENCLAW__V1__DEVICE_DECISION__INIT;
    if (!oc_hex_parse(hex, sizeof id, id)) {
        die(hex);
    }
    request.device_id = (ProtobufCBinaryData){sizeof id, id};
    call(peer, method, &request.base, NULL);
}

/* What is shown is what is approved. */
static void approve(struct rpc_peer *peer, char *selector)
{
    uint8_t digest[32];
    char id[64];
    Openclaw__V1__ResolveRequest resolve = OPENCLAW__V1__RESOLVE_REQUEST__INIT;
    Openclaw__V1__ApproveRequest request = OPENCLAW__V1__APPROVE_REQUEST__INIT;
    resolve.selector = selector;
    const Openclaw__V1__ResolveReply *found =
        (const Openclaw__V1__ResolveReply *)rpc_peer_call(peer, NUMBER(RESOLVE), &resolve.base);
    if (found->n_matches != 1 || found->matches[0]->ask_digest.len != sizeof digest) {
        die(selector);
    }
    memcpy(digest, found->matches[0]->ask_digest.data, sizeof digest);
    (void)snprintf(id, sizeof id, "%s", found->matches[0]->request_id);
    request.request_id = id;
    request.ask_digest = (ProtobufCBinaryData){sizeof digest, digest};
    call(peer, NUMBER(APPROVE), &request.base, NULL);
}

static void watch(struct rpc_peer *peer, char **words)
{
    const struct timespec pause = {.tv_nsec = 2 * 1000 * 1000};
    const size_t n = strtoul(word_at(words, 2), NULL, 10);
    const size_t wanted = strtoul(word_at(words, 3), NULL, 10);
    Openclaw__V1__WatchEventsRequest request = OPENCLAW__V1__WATCH_EVENTS_REQUEST__INIT;
    request.after_seq = strtoull(word_at(words, 1), NULL, 10);
    for (size_t i = 0; i < n; i++) {
        (void)rpc_peer_send(peer, NUMBER(WATCH_EVENTS), &request.base);
    }
    size_t n_here = 0;
    while (n_here < wanted && !is_closed(peer)) {
        (void)nanosleep(&pause, NULL);
        pthread_mutex_lock(&peer->lock);
        n_here = peer->n_replies;
        pthread_mutex_unlock(&peer->lock);
    }
    for (size_t i = 0; i < n_here; i++) {
        const struct oc_reply reply = rpc_peer_wait(peer, peer->replies[i].word);
        printf("%s ", oc_status_name(reply.status));
    }
    printf("\n");
}

/* What was shown is what is approved: the digest of what the request asks now. */
static bool look_up(struct rpc_peer *peer, char *request_id, uint8_t digest[32], char role[64])
{
    Openclaw__V1__ResolveRequest request = OPENCLAW__V1__RESOLVE_REQUEST__INIT;
    request.selector = request_id;
    const struct oc_reply reply =
        rpc_peer_wait(peer, rpc_peer_send(peer, NUMBER(RESOLVE), &request.base));
    if (reply.status) {
        return false;
    }
    const Openclaw__V1__ResolveReply *found =
        (const Openclaw__V1__ResolveReply *)rpc_peer_decode(peer, NUMBER(RESOLVE), &reply);
    if (found->n_matches != 1 || found->matches[0]->ask_digest.len != 32) {
        return false;
    }
    memcpy(digest, found->matches[0]->ask_digest.data, 32);
    (void)snprintf(role, 64, "%s", found->matches[0]->asked->role);
    return true;
}

static void vote(struct rpc_peer *peer, char **words)
{
    uint8_t digest[32];
    char role[64];
    char *scopes[MAX_WORDS];
    Openclaw__V1__Grant grant = OPENCLAW__V1__GRANT__INIT;
    Openclaw__V1__Label label = OPENCLAW__V1__LABEL__INIT;
    Openclaw__V1__Label *labels[] = {&label};
    Openclaw__V1__ApproveRequest request = OPENCLAW__V1__APPROVE_REQUEST__INIT;
    if (!look_up(peer, word_at(words, 1), digest, role)) {
        printf("NO REQUEST\n");
        return;
    }
    request.request_id = words[1];
    request.ask_digest = (ProtobufCBinaryData){sizeof digest, digest};
    grant.role = role;
    grant.scopes = scopes;
    request.labels = labels;
    for (char **word = words + 2; *word; word++) {
        char *value = strchr(*word, '=') + 1;
        if (strncmp(*word, "scope=", 6) == 0) {
            scopes[grant.n_scopes++] = value;
            request.grant = &grant;
        } else if (strncmp(*word, "for=", 4) == 0) {
            request.term_ms = strtoll(value, NULL, 10);
        } else if (strncmp(*word, "label=", 6) == 0) {
            label.key = value;
            label.value = strchr(value, '=') + 1;
            label.value[-1] = '\0';
            request.n_labels = 1;
        } else {
            request.break_glass = 1;
            request.reason = value;
        }
    }
    call(peer, NUMBER(APPROVE), &request.base, NULL);
}

static void run(struct rpc_peer *peer, char **words)
{
    const char *verb = words[0];
    if (strcmp(verb, "init") == 0 || strcmp(verb, "init-with") == 0) {
        init(peer, words, verb[4] != '\0');
    } else if (strcmp(verb, "issue") == 0) {
        issue(peer, words);
    } else if (strcmp(verb, "renew") == 0) {
        renew(peer, words);
    } else if (strcmp(verb, "revoke") == 0 || strcmp(verb, "revoke-certificate") == 0) {
        revoke(peer, words, verb[6] != '\0');
    } else if (strcmp(verb, "role") == 0) {
        set_role(peer, words);
    } else if (strcmp(verb, "list") == 0) {
        call(peer, NUMBER(LIST_ADMINISTRATORS), NULL, NULL);
    } else if (strcmp(verb, "call") == 0) {
        call(peer, (uint32_t)strtoul(word_at(words, 1), NULL, 10), NULL, NULL);
    } else if (strcmp(verb, "block") == 0) {
        decide(peer, NUMBER(BLOCK), word_at(words, 1));
    } else if (strcmp(verb, "decide") == 0) {
        decide(peer, (uint32_t)strtoul(word_at(words, 1), NULL, 10), word_at(words, 2));
    } else if (strcmp(verb, "approve") == 0) {
        approve(peer, word_at(words, 1));
    } else if (strcmp(verb, "watch") == 0) {
        watch(peer, words);
    } else if (strcmp(verb, "vote") == 0) {
        vote(peer, words);
    } else {
        die(verb);
    }
}

static void run_lines(struct rpc_peer *peer)
{
    char line[LINE_BYTES];
    while (fgets(line, sizeof line, stdin)) {
        char *words[MAX_WORDS] = {0};
        size_t n = 0;
        char *rest = NULL;
        for (char *word = strtok_r(line, " \n", &rest); word && n < MAX_WORDS - 1;
             word = strtok_r(NULL, " \n", &rest)) {
            words[n++] = word;
        }
        if (n > 0) {
            run(peer, words);
            (void)fflush(stdout);
        }
    }
}

int main(int argc, char **argv)
{
    const struct oc_transport_options options = {.n_handshake_workers = 1};
    struct oc_transport *transport = NULL;
    struct oc_error err;
    struct rpc_peer peer;
    if (argc < 2 || argc > 3) {
        die("usage: admincall URL [KEY_AND_CERTIFICATE.pem]");
    }
    struct oc_tls_context *tls = argc == 3 ? make_tls(argv[2]) : NULL;
    if (oc_transport_new(&options, &transport, &err)) {
        die(err.text);
    }
    rpc_peer_open(&peer, transport, argv[1], tls);
    run_lines(&peer);
    rpc_peer_close(&peer);
    oc_transport_free(transport);
    oc_tls_context_free(tls);
    return 0;
}
