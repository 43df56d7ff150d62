/* openclaw: the command line for administrators and agent hosts. */
#include <signal.h>

#include "cli/command.h"

int main(int argc, char **argv)
{
    struct terminal terminal = terminal_of_process();
    /* A reader that goes away is an error of a write, not the end of the process: a decision that
     * was made is reported by the exit code all the same. */
    (void)signal(SIGPIPE, SIG_IGN);
    return (int)command_main(&terminal, argc, argv);
}
