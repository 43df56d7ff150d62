/*
 * The version of this header set and of the library, and how both may grow.
 *
 * A program goes on working, without being built again, with every later library of the same
 * SONAME (libopenclaw.so.1): no function goes away or changes what it takes, no value of an enum
 * changes, and no struct that a program allocates changes its size.
 *
 * - New fields of such a struct stand before its `reserved` and take their bytes from it.
 * - What a program fills in it must clear first (= {0}, or name some members): zero means absent.
 *   A field that is set and that the library does not know is refused as INVALID_ARGUMENT, since
 *   leaving out what was asked for (a pin, a limit) could be unsafe.
 * - What the library fills in is zero where an older library or gateway has nothing to say.
 * - A struct "made by the library alone" grows at its end; take no array or sizeof of it.
 * - Enums get new values: have a default, or print the name.
 *
 * Thread: any.
 */
#pragma once

/* The version of these headers. */
#define OC_VERSION_MAJOR 0
#define OC_VERSION_MINOR 1
#define OC_VERSION_PATCH 0
#define OC_VERSION_TEXT  "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* The version of the library that is linked, "0.1.0"; that of the headers a program was built with
 * is OC_VERSION_TEXT. Never NULL; the text is constant. */
const char *oc_version(void);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
