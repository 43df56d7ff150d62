/* See finding_view.h. */
#include "cli/finding_view.h"

#include <string.h>

#include "cli/escape.h"

enum {
    SAFE_BYTES = ESCAPE_MOST * FINDING_TEXT_BYTES,
    WORD_COLUMNS = 7,   /* "skipped" */
    LABEL_COLUMNS = 5,  /* "why  " */
    LEAST_COLUMNS = 32, /* narrower columns of text are not worth a break */
};

static const enum colour colours[FINDING_RESULT_COUNT] = {
    [FINDING_OK] = COLOUR_GOOD,
    [FINDING_SKIPPED] = COLOUR_NONE,
    [FINDING_WARN] = COLOUR_WAITING,
    [FINDING_FAIL] = COLOUR_BAD,
};

/* ---- for programs ---------------------------------------------------------------------------- */

static void write_finding(struct writer *writer, const void *item)
{
    const struct finding *finding = item;
    writer_begin_object(writer);
    writer_text_or_null(writer, "side", finding_side_name(finding->side));
    writer_text_or_null(writer, "check", finding->check);
    writer_text_or_null(writer, "result", finding_result_name(finding->result));
    writer_text_or_null(writer, "found", finding->found);
    writer_text_or_null(writer, "cause", finding->cause);
    writer_text_or_null(writer, "advice", finding->advice);
    writer_text_or_null(writer, "fix", finding->fix);
    writer_end_object(writer);
}

static void name_finding(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct finding *finding = item;
    (void)snprintf(out, OUTPUT_NAME_BYTES, "%s/%s/%s", finding_side_name(finding->side),
                   finding->check, finding_result_name(finding->result));
}

static const struct item_kind finding_kind = {.write = write_finding, .name = name_finding};

static void print_items(const struct output *output, const struct findings *findings)
{
    struct listing listing;
    listing_begin(&listing, output, &finding_kind);
    for (size_t i = 0; i < findings->n; i++) {
        listing_add(&listing, &findings->items[i]);
    }
    listing_end(&listing, "", 0);
}

/* ---- for people ------------------------------------------------------------------------------ */

/* "device_key" as people read it. */
static void format_title(const char *check, char out[FINDING_WORD_BYTES])
{
    (void)snprintf(out, FINDING_WORD_BYTES, "%s", check);
    for (char *p = out; *p; p++) {
        *p = *p == '_' ? ' ' : *p;
    }
}

/* Where text stands on a line, and how far it may go. */
struct block {
    FILE *out;
    size_t indent;  /* of the lines after the first */
    size_t at;      /* columns used on this line */
    size_t columns; /* 0: as many as it takes */
};

static void start_line(struct block *block)
{
    (void)fprintf(block->out, "\n%*s", (int)block->indent, "");
    block->at = block->indent;
}

/* Escaped text, with a new line where a word would not fit. */
static void put_words(struct block *block, const char *safe)
{
    while (*safe) {
        char word[SAFE_BYTES];
        size_t n = strcspn(safe, " ");
        (void)snprintf(word, sizeof word, "%.*s", (int)n, safe);
        size_t width = escape_columns(word);
        bool is_first = block->at == block->indent;
        if (!is_first && block->columns > 0 && block->at + 1 + width > block->columns) {
            start_line(block);
            is_first = true;
        }
        (void)fprintf(block->out, "%s%s", is_first ? "" : " ", word);
        block->at += width + !is_first;
        safe += n;
        safe += strspn(safe, " ");
    }
}

static void put_text(struct block *block, const char *text)
{
    char safe[SAFE_BYTES];
    escape_for_terminal(text, safe, sizeof safe);
    if (block->columns > 0) {
        put_words(block, safe);
    } else {
        (void)fputs(safe, block->out);
    }
}

/* On a terminal that is wide enough lines end between words; elsewhere they do not end. */
static struct block begin_block(const struct output *output, size_t indent)
{
    const struct terminal *terminal = output->terminal;
    bool wraps = terminal->out_is_terminal && terminal->columns > indent + LEAST_COLUMNS;
    return (struct block){.out = terminal->out,
                          .indent = indent,
                          .at = indent,
                          .columns = wraps ? terminal->columns : 0};
}

static void print_note(const struct output *output, size_t indent, const char *label,
                       const char *text)
{
    (void)fprintf(output->terminal->out, "%*s%-4s ", (int)indent, "", label);
    struct block block = begin_block(output, indent + LABEL_COLUMNS);
    put_text(&block, text);
    (void)fputc('\n', output->terminal->out);
}

/* A command is never broken: it is there to be copied. */
static void print_fix(const struct output *output, size_t indent, const struct finding *finding)
{
    bool is_note = finding->result == FINDING_OK ||
                   (finding->result == FINDING_SKIPPED && finding->fix[0] == '\0');
    char safe[SAFE_BYTES];
    (void)fprintf(output->terminal->out, "%*s%-4s ", (int)indent, "", is_note ? "note" : "fix");
    struct block block = begin_block(output, indent + LABEL_COLUMNS);
    put_text(&block, finding->advice);
    if (finding->fix[0] != '\0') {
        escape_for_terminal(finding->fix, safe, sizeof safe);
        if (finding->advice[0] != '\0') {
            (void)fputs(":", block.out);
            block.at++;
            if (block.columns > 0 && block.at + 2 + escape_columns(safe) > block.columns) {
                start_line(&block);
            } else {
                (void)fputs("  ", block.out);
            }
        }
        (void)fputs(safe, block.out);
    }
    (void)fputc('\n', block.out);
}

static void print_finding(const struct output *output, const struct finding *finding, int width)
{
    char title[FINDING_WORD_BYTES];
    const char *word = finding_result_name(finding->result);
    enum colour colour = colours[finding->result];
    size_t indent = 2 + WORD_COLUMNS + 2 + (size_t)width + 2;
    format_title(finding->check, title);
    (void)fprintf(output->terminal->out, "  %s%s%s%*s  %-*s  ",
                  colour_start(colour, output->has_colour), word,
                  colour_end(colour, output->has_colour), WORD_COLUMNS - (int)strlen(word), "",
                  width, title);
    struct block block = begin_block(output, indent);
    put_text(&block, finding->found);
    (void)fputc('\n', block.out);
    if (finding->cause[0] != '\0') {
        print_note(output, indent, "why", finding->cause);
    }
    if (finding->advice[0] != '\0' || finding->fix[0] != '\0') {
        print_fix(output, indent, finding);
    }
}

static int widest_title(const struct findings *findings)
{
    size_t widest = 0;
    for (size_t i = 0; i < findings->n; i++) {
        size_t n = strlen(findings->items[i].check);
        widest = n > widest ? n : widest;
    }
    return (int)widest;
}

static void print_count(FILE *out, size_t n, const char *one, const char *many, bool *is_first)
{
    if (n > 0) {
        (void)fprintf(out, "%s%zu %s", *is_first ? "" : ", ", n, n == 1 ? one : many);
        *is_first = false;
    }
}

static void print_summary(const struct output *output, const struct findings *findings)
{
    FILE *out = output->terminal->out;
    bool is_first = true;
    (void)fputc('\n', out);
    print_count(out, findings->counts[FINDING_FAIL], "failure", "failures", &is_first);
    print_count(out, findings->counts[FINDING_WARN], "warning", "warnings", &is_first);
    print_count(out, findings->counts[FINDING_OK], "ok", "ok", &is_first);
    print_count(out, findings->counts[FINDING_SKIPPED], "skipped", "skipped", &is_first);
    (void)fputc('\n', out);
}

static void print_report(const struct output *output, const struct findings *findings)
{
    int width = widest_title(findings);
    for (unsigned side = 0; side < SIDE_COUNT; side++) {
        bool has_title = false;
        for (size_t i = 0; i < findings->n; i++) {
            const struct finding *finding = &findings->items[i];
            if (finding->side != (enum finding_side)side) {
                continue;
            }
            if (!has_title) {
                (void)fprintf(output->terminal->out, "%s%s\n", i > 0 ? "\n" : "",
                              finding_side_name(finding->side));
                has_title = true;
            }
            print_finding(output, finding, width);
        }
    }
    print_summary(output, findings);
}

void findings_print(const struct output *output, const struct findings *findings)
{
    if (output_is_for_people(output)) {
        print_report(output, findings);
    } else {
        print_items(output, findings);
    }
}
