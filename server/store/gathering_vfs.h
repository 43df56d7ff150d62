/*
 * How this process writes a write-ahead log: SQLite hands over each frame in two pieces, and a
 * commit has up to a thousand; they are gathered here and reach the file in few large writes.
 *
 * Invariant: when a sync of the log has returned, everything handed over before it is on the disk,
 * in the same bytes at the same places; nobody is shown a log that lacks what was handed over. A
 * write that fails is told by the call that had to make it: a later write, a read, or the sync.
 */
#pragma once

/*
 * The name to open databases with. Made at its first use over what is the default then, and kept:
 * it belongs to SQLite's list for the life of the process. Everything but logs goes straight to
 * that default. NULL when out of memory: then the default itself serves, only more slowly.
 * Thread: one at a time, as the opening of the first database is.
 */
const char *gathering_vfs(void);
