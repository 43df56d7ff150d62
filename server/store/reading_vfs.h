/*
 * How a second connection reads a database that this process has open and locked: with its
 * write-ahead log, without a lock, and unable to write.
 *
 * Invariant: nothing that is done through it changes a file or a lock. A POSIX lock is the whole
 * process's and goes with the first descriptor of the file that is closed: closing is left to the
 * default VFS, which knows the locks of all its files, and keeps the descriptor until they go.
 */
#pragma once

/*
 * The name to open databases with, read-only, where nobody writes to them meanwhile. Made at its
 * first use over what is the default then, and kept: it belongs to SQLite's list for the life of
 * the process. NULL when out of memory: then there is no second connection.
 * Thread: one at a time, as the opening of the first database is.
 */
const char *reading_vfs(void);
