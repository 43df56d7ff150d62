/* A hashed wheel: a slot holds every deadline whose slot number is congruent to it. */
#include "server/service/timer_wheel.h"

#include <stddef.h>

void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms)
{
    *wheel = (struct timer_wheel){.tick = now_ms / TIMER_SLOT_MS};
}

void timer_wheel_add(struct timer_wheel *wheel, struct timer *timer, int64_t due_ms)
{
    /* Rounded up, and never into a slot that was looked at: it would wait a whole round. */
    int64_t tick = (due_ms + TIMER_SLOT_MS - 1) / TIMER_SLOT_MS;
    if (tick <= wheel->tick) {
        tick = wheel->tick + 1;
    }
    struct timer **head = &wheel->slots[(uint64_t)tick % TIMER_SLOTS];
    timer->due_ms = due_ms;
    timer->next = *head;
    timer->link = head;
    if (timer->next) {
        timer->next->link = &timer->next;
    }
    *head = timer;
}

void timer_wheel_remove(struct timer *timer)
{
    if (!timer->link) {
        return;
    }
    *timer->link = timer->next;
    if (timer->next) {
        timer->next->link = timer->link;
    }
    timer->next = NULL;
    timer->link = NULL;
}

static struct timer *take_from(struct timer *first, int64_t now_ms)
{
    for (struct timer *timer = first; timer; timer = timer->next) {
        if (timer->due_ms <= now_ms) {
            timer_wheel_remove(timer);
            return timer;
        }
    }
    return NULL;
}

struct timer *timer_wheel_take_due(struct timer_wheel *wheel, int64_t now_ms)
{
    int64_t now_tick = now_ms / TIMER_SLOT_MS;
    /* After a long sleep one round sees everything. */
    if (now_tick - wheel->tick > TIMER_SLOTS) {
        wheel->tick = now_tick - TIMER_SLOTS;
    }
    while (wheel->tick < now_tick) {
        int64_t tick = wheel->tick + 1;
        struct timer *due = take_from(wheel->slots[(uint64_t)tick % TIMER_SLOTS], now_ms);
        if (due) {
            return due;
        }
        wheel->tick = tick;
    }
    return NULL;
}
