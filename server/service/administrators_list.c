/* See administrators.h: the table and who came in by another CA, as one list. */
#include <stdlib.h>
#include <string.h>

#include "server/service/administrators_state.h"
#include "server/service/externals.h"

struct listing {
    struct administrator_view view;
    struct externals_view external;
};

/* Rows and who came in by another CA, as one list: of a name that is in both (a certificate of it
 * is revoked, say) the row. */
static bool list_next(struct service *service, const char *after, struct listing *out)
{
    const struct externals_view *external = &out->external;
    struct administrator_view *view = &out->view;
    const bool has_row = administrators_view_next(service, after, view);
    const bool has_external =
        externals_view_next(service->externals, after, service_now_ms(service), &out->external);
    const int order = has_row && has_external
                          ? strcmp(view->administrator.name, external->administrator.name)
                          : 0;
    if (!has_external || (has_row && order < 0)) {
        return has_row;
    }
    if (!has_row || order > 0) {
        *view = (struct administrator_view){.administrator = external->administrator,
                                            .state = ADMINISTRATOR_ACTIVE};
    }
    view->last_seen_ms = external->last_seen_ms;
    view->is_online = external->is_online;
    return true;
}

bool administrators_list(struct service *service, char cursor[ADMINISTRATOR_NAME_BYTES + 1],
                         size_t limit, administrator_visit_fn visit, void *user)
{
    struct listing *listing = malloc(sizeof *listing);
    if (!listing) {
        return false;
    }
    bool has_more = list_next(service, cursor, listing);
    for (size_t n = 0; n < limit && has_more; n++) {
        visit(user, &listing->view);
        memcpy(cursor, listing->view.administrator.name, sizeof listing->view.administrator.name);
        has_more = list_next(service, cursor, listing);
    }
    if (!has_more) {
        cursor[0] = '\0';
    }
    free(listing);
    return true;
}
