/* See approved_claims.h. */
#include "cli/approved_claims.h"

#include <string.h>

/* A piece of the text. */
struct span {
    const char *at;
    size_t n;
};

/* What stands before the first `end` (or all of it), taken off `rest` together with it. */
static struct span take_until(struct span *rest, char end)
{
    const char *found = memchr(rest->at, end, rest->n);
    const struct span piece = {rest->at, found ? (size_t)(found - rest->at) : rest->n};
    const size_t taken = piece.n + (found ? 1 : 0);
    *rest = (struct span){rest->at + taken, rest->n - taken};
    return piece;
}

static bool is_plain(char byte, const char *besides)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') ||
           (byte != '\0' && (strchr("-._~", byte) || strchr(besides, byte)));
}

static int digit_of(char byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* The byte that %XX is; 0: it is none. */
static char read_code(const struct span *at)
{
    if (at->n < 3 || at->at[0] != '%' || digit_of(at->at[1]) < 0 || digit_of(at->at[2]) < 0) {
        return '\0';
    }
    return (char)(digit_of(at->at[1]) * 16 + digit_of(at->at[2]));
}

/* False if it is longer than what it may be, or spelled in a way that the gateway does not. */
static bool read_value(struct span from, const char *besides, char *out, size_t cap)
{
    size_t n = 0;
    while (from.n > 0) {
        const bool is_itself = is_plain(*from.at, besides);
        const char byte = is_itself ? *from.at : read_code(&from);
        const size_t taken = is_itself ? 1 : 3;
        if (byte == '\0' || (!is_itself && is_plain(byte, besides)) || n + 1 >= cap) {
            return false;
        }
        out[n++] = byte;
        from = (struct span){from.at + taken, from.n - taken};
    }
    out[n] = '\0';
    return true;
}

static bool read_labels(struct span from, struct oc_labels *out)
{
    const bool ends_open = from.n > 0 && from.at[from.n - 1] == ',';
    while (from.n > 0) {
        struct span value = take_until(&from, ',');
        if (out->n == OC_MAX_LABELS || !memchr(value.at, ':', value.n)) {
            return false;
        }
        const struct span key = take_until(&value, ':');
        struct oc_label *label = &out->items[out->n++];
        if (key.n == 0 || !read_value(key, "", label->key, sizeof label->key) ||
            !read_value(value, "", label->value, sizeof label->value)) {
            return false;
        }
    }
    return !ends_open;
}

static bool read_word(struct span key, struct span value, struct approved_claims *out)
{
    const struct {
        const char *key;
        bool *has;
        char *text; /* NULL: the labels */
        size_t cap;
    } known[] = {
        {"source", &out->has_source, out->source, sizeof out->source},
        {"name", &out->has_name, out->name, sizeof out->name},
        {"platform", &out->has_platform, out->platform, sizeof out->platform},
        {"labels", &out->has_labels, NULL, 0},
        {"purpose", &out->has_purpose, out->purpose, sizeof out->purpose},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (key.n == strlen(known[i].key) && memcmp(key.at, known[i].key, key.n) == 0) {
            const bool is_second = *known[i].has;
            *known[i].has = true;
            return !is_second &&
                   (known[i].text ? read_value(value, ":/", known[i].text, known[i].cap)
                                  : read_labels(value, &out->labels));
        }
    }
    return true;
}

void approved_claims_read(const char *detail, struct approved_claims *out)
{
    struct span rest = {detail, strlen(detail)};
    *out = (struct approved_claims){.has_source = false};
    while (rest.n > 0) {
        struct span value = take_until(&rest, ' ');
        if (!memchr(value.at, '=', value.n)) {
            continue;
        }
        const struct span key = take_until(&value, '=');
        if (!read_word(key, value, out)) {
            *out = (struct approved_claims){.has_source = false};
            return;
        }
    }
}

void approved_claims_tell(const struct approved_claims *claims, struct terms *out)
{
    out->source = claims->has_source ? claims->source : NULL;
    out->name = claims->has_name ? claims->name : NULL;
    out->platform = claims->has_platform ? claims->platform : NULL;
    out->labels = claims->has_labels ? &claims->labels : NULL;
    out->purpose = claims->has_purpose ? claims->purpose : NULL;
}
