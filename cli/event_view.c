/* Events as rows and lines; see event_view.h. */
#include "cli/event_view.h"

#include <inttypes.h>

#include "cli/device_view.h"
#include "cli/escape.h"

static const char *type_of(const struct oc_watch_item *item)
{
    switch (item->kind) {
    case OC_WATCH_CHANGE:
        return "change";
    case OC_WATCH_RESYNC:
        return "resync";
    case OC_WATCH_DEVICE:
        return "device";
    case OC_WATCH_SYNCED:
        return "synced";
    case OC_WATCH_NOTHING:
    case OC_WATCH_LOST:
    case OC_WATCH_BACK:
        break;
    }
    return "";
}

bool event_has_device(const struct oc_watch_item *item)
{
    static const struct oc_device_id nobody;
    return (item->kind == OC_WATCH_CHANGE || item->kind == OC_WATCH_DEVICE) &&
           !oc_device_id_equal(&item->event.device.id, &nobody);
}

static void write_event(struct writer *writer, const void *data)
{
    const struct oc_watch_item *item = data;
    char cursor[OC_CURSOR_TEXT_BYTES];
    oc_cursor_format(&item->cursor, cursor);
    writer_begin_object(writer);
    writer_text_or_null(writer, "type", type_of(item));
    writer_key(writer, "seq");
    if (item->kind == OC_WATCH_CHANGE || item->kind == OC_WATCH_SYNCED) {
        writer_uint(writer, item->cursor.seq);
    } else {
        writer_null(writer);
    }
    writer_time_or_null(writer, "at", item->event.at_ms);
    writer_text_or_null(writer, "action", item->event.action);
    writer_text_or_null(writer, "reason",
                        item->kind == OC_WATCH_RESYNC ? oc_resync_why_name(item->why) : "");
    writer_text_or_null(writer, "cursor", cursor);
    writer_key(writer, "device");
    if (event_has_device(item)) {
        device_write(writer, &item->event.device);
    } else {
        writer_null(writer);
    }
    writer_end_object(writer);
}

static void name_event(const void *data, char out[OUTPUT_NAME_BYTES])
{
    const struct oc_watch_item *item = data;
    oc_device_id_format(&item->event.device.id, out);
}

/* ---- cells --------------------------------------------------------------------------------- */

/* No ages: they would be wrong as soon as the row stands. */
static void fill_time(const struct output *output, const void *data, struct cell *cell)
{
    (void)output;
    const struct oc_watch_item *item = data;
    if (item->event.at_ms != 0) {
        moment_format(item->event.at_ms, cell->text);
    }
}

static void fill_seq(const struct output *output, const void *data, struct cell *cell)
{
    (void)output;
    const struct oc_watch_item *item = data;
    if (item->kind == OC_WATCH_CHANGE) {
        (void)snprintf(cell->text, sizeof cell->text, "%" PRIu64, item->event.seq);
    }
}

static void fill_action(const struct output *output, const void *data, struct cell *cell)
{
    (void)output;
    const struct oc_watch_item *item = data;
    escape_for_terminal(item->event.action, cell->text, sizeof cell->text);
}

static void fill_device(const struct output *output, const void *data, struct cell *cell)
{
    const struct oc_watch_item *item = data;
    if (event_has_device(item)) {
        device_fill_id(output, &item->event.device, cell);
    }
}

static void fill_name(const struct output *output, const void *data, struct cell *cell)
{
    const struct oc_watch_item *item = data;
    if (event_has_device(item)) {
        device_fill_name(output, &item->event.device, cell);
    }
}

static void fill_state(const struct output *output, const void *data, struct cell *cell)
{
    const struct oc_watch_item *item = data;
    if (event_has_device(item)) {
        device_fill_state(output, &item->event.device, cell);
    }
}

static void fill_request(const struct output *output, const void *data, struct cell *cell)
{
    const struct oc_watch_item *item = data;
    if (event_has_device(item)) {
        device_fill_request(output, &item->event.device, cell);
    }
}

static void fill_source(const struct output *output, const void *data, struct cell *cell)
{
    const struct oc_watch_item *item = data;
    if (event_has_device(item)) {
        device_fill_source(output, &item->event.device, cell);
    }
}

static void fill_decided_by(const struct output *output, const void *data, struct cell *cell)
{
    const struct oc_watch_item *item = data;
    if (event_has_device(item)) {
        device_fill_decided_by(output, &item->event.device, cell);
    }
}

static const struct column columns[] = {
    {"TIME", false, false, fill_time},
    {"SEQ", false, false, fill_seq},
    {"ACTION", false, false, fill_action},
    {"DEVICE", false, false, fill_device},
    {"NAME", false, true, fill_name},
    {"STATE", false, false, fill_state},
    {"REQUEST", false, false, fill_request},
    {"SOURCE", true, true, fill_source},
    {"DECIDED BY", true, false, fill_decided_by},
};

/* Wide enough from the first row on, as nobody knows those to come. */
static const unsigned char widths[] = {24, 6, 8, 16, 12, 8, 10, 12, 10};
_Static_assert(sizeof widths == sizeof columns / sizeof columns[0], "one for each");

const struct item_kind event_kind = {.columns = columns,
                                     .n_columns = sizeof columns / sizeof columns[0],
                                     .least_widths = widths,
                                     .write = write_event,
                                     .name = name_event};
