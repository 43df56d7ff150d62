/* How a context is view; see context_view.h. */
#include "cli/context_view.h"

#include "cli/certificate_view.h"
#include "cli/escape.h"

void context_view_load(struct context_view *view)
{
    struct oc_bundle *bundle = NULL;
    struct oc_error err;
    view->is_readable = oc_bundle_read(view->path, &bundle, &err) == OC_OK;
    if (view->is_readable) {
        oc_bundle_get_facts(bundle, &view->facts);
        oc_bundle_free(bundle);
    } else {
        (void)snprintf(view->problem, sizeof view->problem, "%s", err.text);
    }
}

void context_view_warn(const struct cli *cli, const struct context_view *view)
{
    const struct oc_bundle_facts *facts = &view->facts;
    const struct terminal *terminal = cli->terminal;
    if (!days_are_few(facts->not_after_ms, terminal->now_ms)) {
        return;
    }
    if (facts->not_after_ms > terminal->now_ms) {
        days_warn(terminal, view->name, facts->not_after_ms,
                  "renew it:  openclaw --context %s pki renew", view->name);
        return;
    }
    /* One that has ended opens nothing, its own renewal neither. */
    days_warn(terminal, view->name, facts->not_after_ms,
              "for a new one, on the gateway's machine:  openclaw pki issue %s --role %s",
              facts->name, oc_administrator_role_name(facts->role));
}

static void write_shown(struct writer *writer, const void *item)
{
    const struct context_view *view = item;
    const struct oc_bundle_facts *facts = &view->facts;
    char pin[PIN_TEXT_BYTES] = "";
    char certificate[PIN_TEXT_BYTES] = "";
    if (view->is_readable) {
        pin_format(&facts->pin, pin);
        pin_format(&facts->certificate_sha256, certificate);
    }
    writer_begin_object(writer);
    writer_text_or_null(writer, "name", view->name);
    writer_key(writer, "in_use");
    writer_bool(writer, view->is_in_use);
    writer_key(writer, "in_force");
    writer_bool(writer, view->is_in_force);
    writer_text_or_null(writer, "gateway", facts->gateway_url);
    writer_text_or_null(writer, "pin", pin);
    writer_text_or_null(writer, "administrator", facts->name);
    writer_text_or_null(writer, "role",
                        view->is_readable ? oc_administrator_role_name(facts->role) : "");
    writer_text_or_null(writer, "certificate", certificate);
    writer_time_or_null(writer, "ends_at", facts->not_after_ms);
    writer_text_or_null(writer, "problem", view->problem);
    writer_text_or_null(writer, "path", view->path);
    writer_end_object(writer);
}

static void name_shown(const void *item, char out[OUTPUT_NAME_BYTES])
{
    const struct context_view *view = item;
    (void)snprintf(out, OUTPUT_NAME_BYTES, "%s", view->name);
}

static void fill_mark(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct context_view *view = item;
    (void)snprintf(cell->text, sizeof cell->text, "%s", view->is_in_force ? "*" : " ");
}

static void fill_name(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct context_view *view = item;
    (void)snprintf(cell->text, sizeof cell->text, "%s", view->name);
}

static void fill_gateway(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct context_view *view = item;
    escape_for_terminal(view->facts.gateway_url, cell->text, sizeof cell->text);
}

static void fill_administrator(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct context_view *view = item;
    escape_for_terminal(view->facts.name, cell->text, sizeof cell->text);
}

static void fill_role(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct context_view *view = item;
    (void)snprintf(cell->text, sizeof cell->text, "%s",
                   view->is_readable ? oc_administrator_role_name(view->facts.role) : "");
}

static void fill_certificate(const struct output *output, const void *item, struct cell *cell)
{
    const struct context_view *view = item;
    if (!view->is_readable) {
        (void)snprintf(cell->text, sizeof cell->text, "cannot be used");
        cell->colour = COLOUR_BAD;
        return;
    }
    days_fill(view->facts.not_after_ms, output->terminal->now_ms, cell);
}

static void fill_pin(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct context_view *view = item;
    if (view->is_readable) {
        pin_format(&view->facts.pin, cell->text);
    }
}

static void fill_path(const struct output *output, const void *item, struct cell *cell)
{
    (void)output;
    const struct context_view *view = item;
    escape_for_terminal(view->path, cell->text, sizeof cell->text);
}

static const struct column columns[] = {
    {"", false, false, fill_mark},          {"NAME", false, false, fill_name},
    {"GATEWAY", false, true, fill_gateway}, {"ADMINISTRATOR", false, false, fill_administrator},
    {"ROLE", false, false, fill_role},      {"CERTIFICATE", false, false, fill_certificate},
    {"PIN", true, false, fill_pin},         {"FILE", true, true, fill_path},
};

const struct item_kind context_kind = {
    .columns = columns,
    .n_columns = sizeof columns / sizeof columns[0],
    .write = write_shown,
    .name = name_shown,
};

static void print_text(const struct cli *cli, const char *label, const char *text)
{
    char safe[CELL_BYTES];
    escape_for_terminal(text, safe, sizeof safe);
    output_fact(cli->terminal->out, label, safe);
}

void context_view_print(const struct cli *cli, const struct context_view *view)
{
    char text[CELL_BYTES];
    char ends[MOMENT_BYTES];
    char pin[PIN_TEXT_BYTES];
    struct cell cell = {.text = ""};
    pin_format(&view->facts.pin, pin);
    moment_format(view->facts.not_after_ms, ends);
    days_fill(view->facts.not_after_ms, cli->terminal->now_ms, &cell);
    (void)snprintf(text, sizeof text, "%s%s%s", view->name,
                   view->is_in_force ? ", in force by " : "",
                   view->is_in_force ? context_origin_text(cli->context.origin) : "");
    print_text(cli, "context", text);
    print_text(cli, "gateway", view->facts.gateway_url);
    print_text(cli, "pin", pin);
    (void)snprintf(text, sizeof text, "%s, issued as %s", view->facts.name,
                   oc_administrator_role_name(view->facts.role));
    print_text(cli, "you are", text);
    (void)snprintf(text, sizeof text, "until %s (%.40s)", ends, cell.text);
    print_text(cli, "valid", text);
    print_text(cli, "file", view->path);
}
