/* See finding_view.h. */
#include "cli/finding_view.h"

#include <string.h>

#include "cli/escape.h"

enum {
    SAFE_BYTES = ESCAPE_MOST * FINDING_TEXT_BYTES,
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

static void print_line(const struct output *output, int indent, const char *label, const char *text)
{
    char safe[SAFE_BYTES];
    escape_for_terminal(text, safe, sizeof safe);
    (void)fprintf(output->terminal->out, "%*s%-4s %s\n", indent, "", label, safe);
}

static void print_finding(const struct output *output, const struct finding *finding, int width)
{
    char title[FINDING_WORD_BYTES];
    char safe[SAFE_BYTES];
    const char *word = finding_result_name(finding->result);
    enum colour colour = colours[finding->result];
    format_title(finding->check, title);
    escape_for_terminal(finding->found, safe, sizeof safe);
    (void)fprintf(output->terminal->out, "  %s%s%s%*s  %-*s  %s\n",
                  colour_start(colour, output->has_colour), word,
                  colour_end(colour, output->has_colour), 7 - (int)strlen(word), "", width, title,
                  safe);
    int indent = 2 + 7 + 2 + width + 2;
    if (finding->cause[0] != '\0') {
        print_line(output, indent, "why", finding->cause);
    }
    if (finding->advice[0] != '\0' || finding->fix[0] != '\0') {
        char text[2 * FINDING_TEXT_BYTES + 8];
        bool has_both = finding->advice[0] != '\0' && finding->fix[0] != '\0';
        (void)snprintf(text, sizeof text, "%s%s%s", finding->advice, has_both ? ":  " : "",
                       finding->fix);
        bool is_note = finding->result == FINDING_OK ||
                       (finding->result == FINDING_SKIPPED && finding->fix[0] == '\0');
        const char *label = is_note ? "note" : "fix";
        char safe_text[ESCAPE_MOST * sizeof text];
        escape_for_terminal(text, safe_text, sizeof safe_text);
        (void)fprintf(output->terminal->out, "%*s%-4s %s\n", indent, "", label, safe_text);
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
