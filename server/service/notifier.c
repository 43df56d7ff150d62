#include "server/service/notifier.h"

#include <pthread.h>
#include <stdlib.h>

struct notifier {
    pthread_mutex_t lock; /* guards `posted` and `is_stopping` */
    pthread_cond_t changed;
    struct delivery_list posted;
    bool is_stopping;
    pthread_t thread;
};

void delivery_list_add(struct delivery_list *list, struct delivery *delivery)
{
    delivery->next = NULL;
    if (list->end) {
        *list->end = delivery;
    } else {
        list->first = delivery;
    }
    list->end = &delivery->next;
}

/* Waits for deliveries and takes all of them; NULL when it is time to stop. */
static struct delivery *take_all(struct notifier *notifier)
{
    pthread_mutex_lock(&notifier->lock);
    while (!notifier->posted.first && !notifier->is_stopping) {
        pthread_cond_wait(&notifier->changed, &notifier->lock);
    }
    struct delivery *first = notifier->posted.first;
    notifier->posted = (struct delivery_list){0};
    pthread_mutex_unlock(&notifier->lock);
    return first;
}

static void *run(void *user)
{
    struct notifier *notifier = user;
    struct delivery *delivery;
    while ((delivery = take_all(notifier))) {
        while (delivery) {
            struct delivery *next = delivery->next;
            delivery->deliver(delivery);
            delivery = next;
        }
    }
    return NULL;
}

enum oc_status notifier_new(struct notifier **out, struct oc_error *err)
{
    struct notifier *notifier = calloc(1, sizeof *notifier);
    if (!notifier) {
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "service: out of memory");
    }
    pthread_mutex_init(&notifier->lock, NULL);
    pthread_cond_init(&notifier->changed, NULL);
    if (pthread_create(&notifier->thread, NULL, run, notifier) != 0) {
        pthread_cond_destroy(&notifier->changed);
        pthread_mutex_destroy(&notifier->lock);
        free(notifier);
        return oc_fail(err, OC_RESOURCE_EXHAUSTED, "service: cannot start the notifier's thread");
    }
    *out = notifier;
    return OC_OK;
}

void notifier_post(struct notifier *notifier, struct delivery_list *list)
{
    if (!list->first) {
        return;
    }
    pthread_mutex_lock(&notifier->lock);
    if (notifier->posted.end) {
        *notifier->posted.end = list->first;
    } else {
        notifier->posted.first = list->first;
    }
    notifier->posted.end = list->end;
    pthread_cond_signal(&notifier->changed);
    pthread_mutex_unlock(&notifier->lock);
    *list = (struct delivery_list){0};
}

void notifier_post_one(struct notifier *notifier, struct delivery *delivery)
{
    struct delivery_list list = {0};
    delivery_list_add(&list, delivery);
    notifier_post(notifier, &list);
}

void notifier_free(struct notifier *notifier)
{
    if (!notifier) {
        return;
    }
    pthread_mutex_lock(&notifier->lock);
    notifier->is_stopping = true;
    pthread_cond_signal(&notifier->changed);
    pthread_mutex_unlock(&notifier->lock);
    pthread_join(notifier->thread, NULL);
    pthread_cond_destroy(&notifier->changed);
    pthread_mutex_destroy(&notifier->lock);
    free(notifier);
}
