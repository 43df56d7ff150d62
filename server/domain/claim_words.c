/* See claim_words.h. */
#include "server/domain/claim_words.h"

#include <string.h>

#include "server/domain/audit_event.h"

static const char more_word[] = " more=1";

enum {
    MORE_BYTES = sizeof more_word - 1, /* kept free for it */
    WORD_MOST = sizeof((struct audit_event *)NULL)->detail,
};

/* One word with the space before it, as long as any that could fit. */
struct word {
    char text[WORD_MOST];
    size_t n;
    bool is_too_long;
};

static void put(struct word *word, const char *bytes, size_t n)
{
    if (word->is_too_long || n > sizeof word->text - word->n) {
        word->is_too_long = true;
        return;
    }
    memcpy(&word->text[word->n], bytes, n);
    word->n += n;
}

static void put_plain(struct word *word, const char *text)
{
    put(word, text, strlen(text));
}

static bool is_plain(char byte, const char *besides)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') ||
           (byte != '\0' && (strchr("-._~", byte) || strchr(besides, byte)));
}

static void put_encoded(struct word *word, const char *text, const char *besides)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const char *at = text; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;
        const char code[] = {'%', digits[byte >> 4], digits[byte & 15]};
        if (is_plain(*at, besides)) {
            put(word, at, 1);
        } else {
            put(word, code, sizeof code);
        }
    }
}

static struct word word_of(const char *key, const char *value)
{
    struct word word = {.n = 0};
    put_plain(&word, key);
    put_encoded(&word, value, ":/");
    return word;
}

/* All or none of them: which are missing could not be told. */
static struct word word_of_labels(const struct oc_labels *labels)
{
    struct word word = {.n = 0};
    put_plain(&word, " labels=");
    for (size_t i = 0; i < labels->n; i++) {
        put_plain(&word, i == 0 ? "" : ",");
        put_encoded(&word, labels->items[i].key, "");
        put_plain(&word, ":");
        put_encoded(&word, labels->items[i].value, "");
    }
    return word;
}

struct line {
    char *at;
    size_t left;
    bool lacks_words;
};

static void add_word(struct line *line, struct word word)
{
    if (word.is_too_long || word.n + MORE_BYTES > line->left) {
        line->lacks_words = true;
        return;
    }
    memcpy(line->at, word.text, word.n);
    line->at += word.n;
    line->left -= word.n;
}

void claim_words_add(char *out, size_t room, const struct ask *ask, const struct sighting *sighting)
{
    struct line line = {.at = out, .left = room};
    if (sighting->seen_ms > 0) {
        add_word(&line, word_of(" source=", sighting->source));
    }
    add_word(&line, word_of(" name=", ask->name));
    if (sighting->seen_ms > 0) {
        add_word(&line, word_of(" platform=", sighting->platform));
    }
    add_word(&line, word_of_labels(&ask->labels));
    add_word(&line, word_of(" purpose=", ask->purpose));
    if (line.lacks_words && MORE_BYTES <= line.left) {
        memcpy(line.at, more_word, MORE_BYTES);
    }
}
