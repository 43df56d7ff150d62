/*
 * Scope cleanup and pointer hand-over: the only unwinding idiom of this project.
 *
 *     OC_CLEANUP(store_closep) struct store *store = NULL;   released at the end of the scope
 *     *out = OC_STEAL(store);                                handed on instead
 */
#pragma once

#include <openclaw/status.h>
#include <stddef.h>

#define OC_CLEANUP(function) __attribute__((cleanup(function)))

#define OC_STEAL(pointer)                                                                          \
    __extension__({                                                                                \
        __typeof__(pointer) oc_stolen_ = (pointer);                                                \
        (pointer) = NULL;                                                                          \
        oc_stolen_;                                                                                \
    })

/* Defines NAMEp, the scope-cleanup form of a release function that accepts NULL. */
#define OC_DEFINE_CLEANUP(name, type)                                                              \
    static inline void name##p(type **pointer) /* NOLINT(bugprone-macro-parentheses) */            \
    {                                                                                              \
        name(*pointer);                                                                            \
    }                                                                                              \
    struct oc_semicolon_

#define OC_ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))
