/* See agent_internal.h: a note of each attempt's outcome, for whoever asks later why. */
#include <stdio.h>
#include <time.h>

#include "client/agent_internal.h"
#include "client/known_gateways.h"

static void note(const struct oc_agent *agent, struct oc_outcome *outcome)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) == 0) {
        outcome->at_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    }
    outcome->device_id = agent->device_id;
    oc_note_outcome(agent->settings.has_data_dir ? agent->settings.data_dir : NULL,
                    &agent->settings.gateway, outcome);
}

void oc_agent_note_refusal(const struct oc_agent *agent, const struct oc_refusal_news *news)
{
    struct oc_outcome outcome = {.kind = OC_OUTCOME_REFUSED,
                                 .refusal = news->kind,
                                 .why = news->why,
                                 .request_id = news->request_id,
                                 .retry_after_ms = news->retry_after_ms};
    note(agent, &outcome);
}

void oc_agent_note_session(const struct oc_agent *agent)
{
    struct oc_outcome outcome = {.kind = OC_OUTCOME_CONNECTED};
    note(agent, &outcome);
}

void oc_agent_note_failure(const struct oc_agent *agent, const struct oc_error *err)
{
    struct oc_outcome outcome = {
        .kind = OC_OUTCOME_FAILED, .status = err->status, .retry_after_ms = err->retry_after_ms};
    if (agent->is_refused || err->status == OC_OK) {
        return;
    }
    (void)snprintf(outcome.text, sizeof outcome.text, "%s", err->text);
    note(agent, &outcome);
}
