/* make_vectors DIR: writes the files of proto/vectors anew. */
#include <stdio.h>

#include "tests/support/vectors.h"

int main(int argc, char **argv)
{
    size_t n = 0;
    const struct vector_file *files = vector_files(&n);
    if (argc != 2) {
        (void)fputs("usage: make_vectors DIR\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < n; i++) {
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", argv[1], files[i].name);
        FILE *file = fopen(path, "w");
        if (!file) {
            perror(path);
            return 1;
        }
        files[i].write(file);
        if (fclose(file) != 0) {
            perror(path);
            return 1;
        }
    }
    return 0;
}
