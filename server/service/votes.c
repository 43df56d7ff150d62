#include "server/service/votes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/crypto/digest.h"
#include "server/service/administrators.h"
#include "server/service/bounds.h"
#include "server/service/service_state.h"

/* ---- what is in force ------------------------------------------------------------------------ */

void votes_change_rules(struct service *service, const struct voting *wanted)
{
    pthread_mutex_lock(&service->settings_mutex);
    service->voting = *wanted;
    pthread_mutex_unlock(&service->settings_mutex);
    atomic_store(&service->has_approval_rules, wanted->rules.n > 0);
}

static void get_voting(struct service *service, struct voting *out)
{
    out->rules.n = out->n_local_uids = 0;
    if (atomic_load(&service->has_approval_rules)) {
        pthread_mutex_lock(&service->settings_mutex);
        *out = service->voting;
        pthread_mutex_unlock(&service->settings_mutex);
    }
}

void votes_get_rules(struct service *service, struct approval_rules *out)
{
    out->n = 0;
    if (atomic_load(&service->has_approval_rules)) {
        pthread_mutex_lock(&service->settings_mutex);
        *out = service->voting.rules;
        pthread_mutex_unlock(&service->settings_mutex);
    }
}

/* ---- who still may --------------------------------------------------------------------------- */

/* As the local door judges: root, our own user, those that the configuration lists. */
static bool may_local_user(const struct voting *voting, const char *by)
{
    char name[OC_MAX_ACTOR_BYTES + 1];
    (void)snprintf(name, sizeof name, "uid:%u", (unsigned)geteuid());
    bool may = strcmp(by, "uid:0") == 0 || strcmp(by, name) == 0;
    for (size_t i = 0; i < voting->n_local_uids && !may; i++) {
        (void)snprintf(name, sizeof name, "uid:%u", (unsigned)voting->local_uids[i]);
        may = strcmp(by, name) == 0;
    }
    return may;
}

/* `event` is what is decided now, for the voter's bound; NULL: whatever it was. */
static bool may_approve(struct service *service, const struct voting *voting,
                        const struct vote *vote, const struct pairing *was,
                        const struct pairing_event *event)
{
    static const struct oc_digest none;
    static const char prefix[] = "admin:";
    enum administrator_role role = ADMINISTRATOR_NOBODY;
    if (memcmp(&vote->certificate, &none, sizeof none) == 0) {
        return may_local_user(voting, vote->by);
    }
    (void)administrators_look_up(service, &vote->certificate, &role);
    if (role < ADMINISTRATOR_APPROVER || strncmp(vote->by, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    struct admin_caller voter = {.is_remote = true, .certificate = vote->certificate};
    (void)snprintf(voter.remote_name, sizeof voter.remote_name, "%.*s", ADMINISTRATOR_NAME_BYTES,
                   vote->by + sizeof prefix - 1);
    return !event || bounds_cover(service, &voter, was, event);
}

static uint32_t look_up_voters(struct service *service, const struct voting *voting,
                               const struct pairing *was, const struct pairing_event *event)
{
    uint32_t may = 0;
    for (size_t i = 0; i < was->request.n_votes; i++) {
        if (may_approve(service, voting, &was->request.votes[i], was, event)) {
            may |= UINT32_C(1) << i;
        }
    }
    return may;
}

/* ---- facts for a decision -------------------------------------------------------------------- */

static struct oc_digest digest_of(const struct pairing *was,
                                  const struct effective_grant *effective)
{
    uint8_t bytes[APPROVAL_BYTES];
    const struct oc_bytes piece = {bytes, approval_bytes(was, effective, bytes)};
    return oc_sha256(&piece, 1);
}

void votes_gather(struct service *service, const struct admin_caller *caller, bool breaks_glass,
                  const struct pairing *was, struct pairing_event *event)
{
    struct voting voting;
    struct effective_grant effective;
    if (event->kind != PAIRING_EV_APPROVE && event->kind != PAIRING_EV_EXPECT) {
        return;
    }
    get_voting(service, &voting);
    if (voting.rules.n == 0) {
        return;
    }
    approval_effective(was, event, &effective);
    const struct approval_need need = approval_rules_need(&voting.rules, was, &effective);
    event->votes = (struct vote_facts){
        .need = need.need,
        .expire_ms = need.votes_expire_ms,
        .may_vote = look_up_voters(service, &voting, was, NULL),
        .may_approve = look_up_voters(service, &voting, was, event),
        .effective = digest_of(was, &effective),
        .breaks_glass = breaks_glass,
        .drops_rule = approval_drops_rule(&voting.rules, was, event),
    };
    if (caller->is_remote) {
        event->votes.certificate = caller->certificate;
    }
}

unsigned votes_need_of_connect(const struct approval_rules *rules, const struct pairing *was,
                               const struct pairing_event *event)
{
    struct effective_grant effective;
    if (rules->n == 0 || !was->expectation.approves) {
        return 0;
    }
    approval_effective(was, event, &effective);
    return approval_rules_need(rules, was, &effective).need;
}

/* ---- what lists show ------------------------------------------------------------------------- */

static int64_t longest_time(const struct approval_rules *rules)
{
    int64_t longest_ms = 0;
    for (size_t i = 0; i < rules->n; i++) {
        const int64_t ms = rules->items[i].votes_expire_ms;
        longest_ms = ms > longest_ms ? ms : longest_ms;
    }
    return longest_ms;
}

static unsigned count_bits(uint32_t bits)
{
    unsigned n = 0;
    for (; bits != 0; bits &= bits - 1) {
        n++;
    }
    return n;
}

/* Votes for something else may fall under rules with a longer time: they are shown for as long as
 * any vote may last. */
static void view_votes(struct service *service, const struct vote_facts *as_asked,
                       int64_t longest_ms, struct device_view *view)
{
    const struct pairing_request *request = &view->pairing.request;
    const int64_t now_ms = service_now_ms(service);
    struct votes_shown *out = &view->votes;
    out->as_asked = approval_votes_for(request, as_asked, now_ms);
    out->in_force = out->as_asked;
    out->n = count_bits(out->as_asked);
    for (size_t i = 0; i < request->n_votes; i++) {
        struct vote_facts like = *as_asked;
        like.effective = request->votes[i].effective;
        if (memcmp(&like.effective, &as_asked->effective, sizeof like.effective) == 0) {
            continue;
        }
        like.expire_ms = longest_ms;
        const uint32_t same = approval_votes_for(request, &like, now_ms);
        out->in_force |= same;
        out->n = count_bits(same) > out->n ? count_bits(same) : out->n;
    }
}

void votes_view(struct service *service, struct device_view *view)
{
    const struct pairing *pairing = &view->pairing;
    struct pairing_event event = {.kind = PAIRING_EV_APPROVE};
    struct voting voting;
    struct effective_grant effective;
    view->votes = (struct votes_shown){.needed = 0};
    if (!pairing->request.is_open || !atomic_load(&service->has_approval_rules)) {
        return;
    }
    get_voting(service, &voting);
    approval_effective(pairing, &event, &effective);
    const struct approval_need need = approval_rules_need(&voting.rules, pairing, &effective);
    view->votes.needed = need.need;
    if (pairing->request.n_votes > 0) {
        const struct vote_facts as_asked = {
            .expire_ms = need.votes_expire_ms,
            .may_approve = look_up_voters(service, &voting, pairing, NULL),
            .effective = digest_of(pairing, &effective),
        };
        view_votes(service, &as_asked, longest_time(&voting.rules), view);
    }
}
