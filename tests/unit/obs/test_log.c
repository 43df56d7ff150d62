/* Log lines as they are written, caught in a pipe. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/obs/log.h"

static int pipe_ends[2];
static char caught[65536];

static int64_t fixed_ms(void *user)
{
    (void)user;
    return 1700000000007;
}

static int64_t later_ms;

static int64_t read_later(void *user)
{
    (void)user;
    return later_ms;
}

static void configure(enum log_level level, enum log_format format)
{
    log_configure(&(struct log_options){.level = level,
                                        .format = format,
                                        .fd = pipe_ends[1],
                                        .clock = {.now_ms = fixed_ms},
                                        .monotonic = {.now_ms = read_later}});
}

static int open_pipe(void **state)
{
    (void)state;
    assert_int_equal(pipe2(pipe_ends, O_NONBLOCK), 0);
    configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    return 0;
}

static int close_pipe(void **state)
{
    (void)state;
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return 0;
}

static const char *catch_lines(void)
{
    ssize_t n = read(pipe_ends[0], caught, sizeof caught - 1);
    caught[n > 0 ? n : 0] = '\0';
    return caught;
}

#define START "2023-11-14T22:13:20.007Z "

static void an_event_is_one_line_of_time_level_event_and_pairs(void **state)
{
    (void)state;
    log_info("pairing.approved", "id=%s rule=%s n=%d", "9f3c", "none", -3);
    assert_string_equal(catch_lines(), START "info pairing.approved id=9f3c rule=none n=-3\n");
    log_error("gateway.stopped", "");
    assert_string_equal(catch_lines(), START "error gateway.stopped\n");
}

static void every_listed_conversion_is_formatted(void **state)
{
    (void)state;
    log_info("e", "a=%d b=%u c=%ld d=%lu e=%lld f=%llu g=%zu h=%zd i=%jd j=%x k=%c l=%.3s", -1, 2U,
             -3L, 4UL, -5LL, 6ULL, (size_t)7, (ssize_t)-8, (intmax_t)-9, 255U, 'x', "abcdef");
    assert_string_equal(catch_lines(),
                        START "info e a=-1 b=2 c=-3 d=4 e=-5 f=6 g=7 h=-8 i=-9 j=ff k=x l=abc\n");
    log_info("e", "a=%" PRId64 " b=%" PRIu64 " c=%.*s d=%s/%u e=100%%", INT64_MIN, UINT64_MAX, 2,
             "xyz", "host", 9U);
    assert_string_equal(catch_lines(), START "info e a=-9223372036854775808 "
                                             "b=18446744073709551615 c=xy d=host/9 e=100%\n");
}

static void no_value_can_end_a_line_forge_a_pair_or_steer_a_terminal(void **state)
{
    static const struct {
        const char *given;
        const char *text;
        const char *json;
    } cases[] = {
        {"", "\"\"", "\"\""},
        {"a b", "\"a b\"", "\"a b\""},
        {"x\nerror forged id=1", "\"x\\nerror forged id=1\"", "\"x\\nerror forged id=1\""},
        {"a=b", "\"a=b\"", "\"a=b\""},
        {"q\"\\", "\"q\\\"\\\\\"", "\"q\\\"\\\\\""},
        {"\x1b[2J\x07", "\"\\u001b[2J\\u0007\"", "\"\\u001b[2J\\u0007\""},
        {"\x7f\r\t", "\"\\u007f\\r\\t\"", "\"\\u007f\\r\\t\""},
        {"\xc2\x9b"
         "31m",
         "\"\\u009b31m\"", "\"\\u009b31m\""},
        {"a\xe2\x80\xae"
         "b",
         "\"a\\u202eb\"", "\"a\\u202eb\""},
        {"\xe2\x81\xa6\xd8\x9c", "\"\\u2066\\u061c\"", "\"\\u2066\\u061c\""},
        {"\xe2\x80\xa8", "\"\\u2028\"", "\"\\u2028\""},
        {"\xff\xc0\x80", "\"\\xff\\xc0\\x80\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\\xed\\xa0\\x80\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xe2\x82", "\"\\xe2\\x82\"", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf3\xa0\x81\x81", "\"\\udb40\\udc41\"", "\"\\udb40\\udc41\""},
        {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"", "\"gr\xc3\xbc\xc3\x9f\""},
    };
    (void)state;
    for (size_t i = 0; i < OC_ARRAY_LENGTH(cases); i++) {
        char expected[256];
        configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
        log_info("e", "v=%s", cases[i].given);
        (void)snprintf(expected, sizeof expected, START "info e v=%s\n", cases[i].text);
        assert_string_equal(catch_lines(), expected);
        configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        log_info("e", "v=%s", cases[i].given);
        (void)snprintf(expected, sizeof expected,
                       "{\"time\":\"2023-11-14T22:13:20.007Z\",\"level\":\"info\",\"event\":\"e\","
                       "\"v\":%s}\n",
                       cases[i].json);
        assert_string_equal(catch_lines(), expected);
    }
}

static void json_numbers_stand_bare_and_texts_are_quoted(void **state)
{
    (void)state;
    configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_warn("e", "n=%d s=%s m=%d/%d", 5, "5", 1, 2);
    assert_string_equal(catch_lines(),
                        "{\"time\":\"2023-11-14T22:13:20.007Z\",\"level\":\"warn\",\"event\":\"e\","
                        "\"n\":5,\"s\":\"5\",\"m\":\"1/2\"}\n");
}

static void a_long_value_is_cut_and_a_long_line_is_marked(void **state)
{
    (void)state;
    char longest[10001];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    log_info("e", "v=%s w=1", longest);
    const char *line = catch_lines();
    assert_int_equal(strlen(line), strlen(START "info e v= w=1\n") + LOG_MAX_VALUE_BYTES + 3);
    assert_non_null(strstr(line, "aaa... w=1\n"));
    memset(longest, '\x01', sizeof longest - 1);
    log_info("e", "v=%s w=%s x=%s", longest, longest, longest);
    line = catch_lines();
    assert_true(strlen(line) <= LOG_MAX_LINE_BYTES);
    assert_non_null(strstr(line, " cut=true\n"));
    assert_null(strstr(line, " w="));
}

static void lines_above_the_level_are_not_written(void **state)
{
    (void)state;
    configure(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
    log_info("e", "");
    log_debug("e", "");
    log_limited(LOG_LEVEL_INFO, &(struct log_about){.event = "e", .subject = "s", .source = ""},
                "v=%d", 1);
    assert_string_equal(catch_lines(), "");
    log_warn("e", "");
    assert_string_equal(catch_lines(), START "warn e\n");
}

static void a_limited_event_is_written_once_and_the_rest_told_when_the_window_ends(void **state)
{
    static const struct log_about first = {
        .event = "frame.bad", .subject = "x", .source = "192.0.2.1"};
    static const struct log_about second = {
        .event = "frame.bad", .subject = "y", .source = "192.0.2.2"};
    (void)state;
    for (int i = 0; i < 50; i++) {
        log_limited(LOG_LEVEL_WARN, &first, "n=%d", i);
    }
    log_limited(LOG_LEVEL_WARN, &second, "n=%d", 50);
    assert_string_equal(catch_lines(), START "warn frame.bad n=0\n" START "warn frame.bad n=50\n");
    later_ms += LOG_LIMIT_WINDOW_MS - 1;
    log_tell_suppressed();
    assert_string_equal(catch_lines(), "");
    later_ms += 1;
    log_tell_suppressed();
    assert_string_equal(catch_lines(), START
                        "warn log.suppressed count=49 of=frame.bad source=192.0.2.1 subject=x\n");
    log_tell_suppressed_at_end();
    assert_string_equal(catch_lines(), "");
}

static void what_is_left_out_at_the_end_is_told(void **state)
{
    static const struct log_about about = {
        .event = "frame.late", .subject = "x", .source = "192.0.2.9"};
    (void)state;
    log_limited(LOG_LEVEL_INFO, &about, "n=%d", 1);
    log_limited(LOG_LEVEL_INFO, &about, "n=%d", 2);
    (void)catch_lines();
    log_tell_suppressed_at_end();
    assert_string_equal(catch_lines(), START
                        "info log.suppressed count=1 of=frame.late source=192.0.2.9 subject=x\n");
}

static void level_and_form_change_while_the_process_logs(void **state)
{
    (void)state;
    log_info("e", "n=%d", 1);
    log_set(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
    log_debug("e", "n=%d", 2);
    assert_string_equal(catch_lines(),
                        START "info e n=1\n"
                              "{\"time\":\"2023-11-14T22:13:20.007Z\",\"level\":\"debug\","
                              "\"event\":\"e\",\"n\":2}\n");
    assert_int_equal(log_format_now(), LOG_FORMAT_JSON);
    log_set(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    log_warn("e", "n=%d", 3);
    assert_string_equal(catch_lines(), "");
}

static void in_the_journal_a_line_tells_its_priority_and_no_time(void **state)
{
    struct log_options options = {.level = LOG_LEVEL_DEBUG,
                                  .fd = pipe_ends[1],
                                  .is_journal = true,
                                  .clock = {fixed_ms, NULL}};
    (void)state;
    log_configure(&options);
    log_error("e", "n=%d", 1);
    log_warn("e", "n=%d", 2);
    log_info("e", "n=%d", 3);
    log_debug("e", "n=%d", 4);
    assert_string_equal(catch_lines(), "<3>error e n=1\n<4>warn e n=2\n<6>info e n=3\n"
                                       "<7>debug e n=4\n");
}

static void the_journal_is_known_by_the_stream_that_systemd_names(void **state)
{
    char stream[64];
    struct stat facts;
    (void)state;
    assert_int_equal(fstat(pipe_ends[1], &facts), 0);
    (void)snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)facts.st_dev,
                   (uintmax_t)facts.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    assert_true(log_is_journal(pipe_ends[1]));
    assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0); /* redirected since */
    assert_false(log_is_journal(pipe_ends[1]));
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    assert_false(log_is_journal(pipe_ends[1]));
}

static void *log_many(void *user)
{
    for (int i = 0; i < 50; i++) {
        log_info("thread", "who=%s n=%d", (const char *)user, i);
    }
    return NULL;
}

static void lines_of_many_threads_do_not_mix(void **state)
{
    (void)state;
    char names[4][2] = {"a", "b", "c", "d"};
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    int n_lines = 0;
    (void)catch_lines();
    for (char *line = strtok(caught, "\n"); line; line = strtok(NULL, "\n")) {
        assert_int_equal(strncmp(line, START "info thread who=", strlen(START) + 16), 0);
        n_lines++;
    }
    assert_int_equal(n_lines, 200);
}

static void words_of_levels_and_formats_are_read(void **state)
{
    (void)state;
    enum log_level level = LOG_LEVEL_ERROR;
    enum log_format format = LOG_FORMAT_TEXT;
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_false(log_level_parse("loud", &level));
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_true(log_format_parse("json", &format));
    assert_int_equal(format, LOG_FORMAT_JSON);
    assert_string_equal(log_level_name(LOG_LEVEL_WARN), "warn");
}

int main(void)
{
#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)
    const struct CMUnitTest tests[] = {
        WITH_PIPE(an_event_is_one_line_of_time_level_event_and_pairs),
        WITH_PIPE(every_listed_conversion_is_formatted),
        WITH_PIPE(no_value_can_end_a_line_forge_a_pair_or_steer_a_terminal),
        WITH_PIPE(json_numbers_stand_bare_and_texts_are_quoted),
        WITH_PIPE(a_long_value_is_cut_and_a_long_line_is_marked),
        WITH_PIPE(lines_above_the_level_are_not_written),
        WITH_PIPE(a_limited_event_is_written_once_and_the_rest_told_when_the_window_ends),
        WITH_PIPE(what_is_left_out_at_the_end_is_told),
        WITH_PIPE(level_and_form_change_while_the_process_logs),
        WITH_PIPE(in_the_journal_a_line_tells_its_priority_and_no_time),
        WITH_PIPE(the_journal_is_known_by_the_stream_that_systemd_names),
        WITH_PIPE(lines_of_many_threads_do_not_mix),
        WITH_PIPE(words_of_levels_and_formats_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
