/*
 * The test vectors of proto/vectors: exact bytes for people who write clients in other languages.
 * Made by the code that runs; a test compares what it makes with what is committed.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct vector_file {
    const char *name; /* in proto/vectors */
    void (*write)(FILE *out);
};

const struct vector_file *vector_files(size_t *n);

/* The receipt of receipt.txt, with the key that signed it. */
struct oc_receipt;
struct oc_identity;
void vectors_receipt(struct oc_receipt *receipt, struct oc_identity **gateway);
