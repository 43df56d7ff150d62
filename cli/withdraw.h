/*
 * The decisions that need no look at what is asked: reject, dismiss, revoke, block, remove. One
 * flow, told apart by a table row.
 */
#pragma once

#include "cli/command.h"

enum exit_code withdraw_reject(struct cli *cli);
enum exit_code withdraw_dismiss(struct cli *cli);
enum exit_code withdraw_revoke(struct cli *cli);
enum exit_code withdraw_block(struct cli *cli);
enum exit_code withdraw_remove(struct cli *cli);
