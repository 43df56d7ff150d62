/* The standard streams as commands see them; see terminal.h. */
#include "cli/terminal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/escape.h"

static bool environment_allows_colour(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return (!no_color || no_color[0] == '\0') && term && strcmp(term, "dumb") != 0;
}

static size_t columns_of(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

struct terminal terminal_of_process(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (struct terminal){
        .in = stdin,
        .out = stdout,
        .err = stderr,
        .is_interactive = isatty(STDIN_FILENO) && isatty(STDERR_FILENO),
        .out_is_terminal = isatty(STDOUT_FILENO),
        .may_colour = environment_allows_colour(),
        .columns = columns_of(STDERR_FILENO),
        .now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
    };
}

void terminal_say(const struct terminal *terminal, const char *format, ...)
{
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    char safe[ESCAPE_MOST * sizeof line];
    escape_for_terminal(line, safe, sizeof safe);
    (void)fprintf(terminal->err, "%s\n", safe);
    (void)fflush(terminal->err);
}

static void drop_rest_of_line(FILE *in)
{
    int c = 0;
    while (c != '\n' && c != EOF) {
        c = getc(in);
    }
}

bool terminal_ask(const struct terminal *terminal, const char *question, char *line, size_t cap)
{
    (void)fflush(terminal->out);
    (void)fputs(question, terminal->err);
    (void)fflush(terminal->err);
    if (!fgets(line, (int)cap, terminal->in)) {
        (void)fputc('\n', terminal->err);
        return false;
    }
    size_t n = strcspn(line, "\r\n");
    if (line[n] == '\0' && n + 1 == cap) {
        drop_rest_of_line(terminal->in);
    }
    line[n] = '\0';
    return true;
}
