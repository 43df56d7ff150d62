/* Between the two files of the naive model: what both tell with, and the decisions. */
#pragma once

#include "model.h"

bool model_is_within(unsigned inner, unsigned outer);
bool model_is_same(const struct model_request *a, const struct model_request *b);
struct model_answer model_say(enum pairing_outcome outcome, bool has_changed);
bool model_is_known(const struct model *m);
void model_forget_announcement(struct model *m);
void model_close_for_a_while(struct model *m, int64_t now_ms, bool by_reject);
void model_take_away(struct model *m);
void model_let_in(struct model *m, unsigned asked, unsigned granted, int64_t ends_ms);
void model_lapse(struct model *m);
struct model_answer model_approve(struct model *m, const struct model_event *event, int64_t now_ms);
struct model_answer model_reject(struct model *m, const struct model_event *event, int64_t now_ms);
struct model_answer model_revoke(struct model *m, int64_t now_ms);
struct model_answer model_remove(struct model *m, int64_t now_ms);
struct model_answer model_block(struct model *m);
struct model_answer model_unblock(struct model *m);
struct model_answer model_announce(struct model *m, const struct model_event *event,
                                   int64_t now_ms);
struct model_answer model_end_term(struct model *m, int64_t now_ms);
struct model_answer model_dismiss(struct model *m, const struct model_event *event);
struct model_answer model_expire(struct model *m, int64_t now_ms);
struct model_answer model_shed(struct model *m, int64_t now_ms);
struct model_answer model_forget(struct model *m, int64_t now_ms);
struct model_answer model_end_announcement(struct model *m, int64_t now_ms);
struct model_answer model_rename(struct model *m, const struct model_event *event);
