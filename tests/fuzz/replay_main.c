/* Runs every file of the given folders through a fuzz target, in place of libFuzzer. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz_target.h"

enum {
    MAX_INPUT_BYTES = 1024 * 1024,
    MAX_PATH_BYTES = 4096,
};

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(MAX_INPUT_BYTES);
    if (!file || !bytes) {
        perror(path);
        return -1;
    }
    const size_t n = fread(bytes, 1, MAX_INPUT_BYTES, file);
    (void)fclose(file);
    /* A block of exactly n bytes: reading past it is seen by a sanitizer. */
    uint8_t *exact = malloc(n > 0 ? n : 1);
    if (exact) {
        memcpy(exact, bytes, n);
        (void)LLVMFuzzerTestOneInput(exact, n);
    }
    free(exact);
    free(bytes);
    return exact ? 0 : -1;
}

static int replay_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    if (!directory) {
        perror(folder);
        return -1;
    }
    int n_files = 0;
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        char path[MAX_PATH_BYTES];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' && replay_file(path) == 0) {
            n_files++;
        }
    }
    (void)closedir(directory);
    return n_files;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const int n_files = replay_folder(argv[i]);
        if (n_files <= 0) {
            (void)fprintf(stderr, "%s: nothing to replay\n", argv[i]);
            return 1;
        }
        (void)printf("%s: %d inputs\n", argv[i], n_files);
    }
    return argc > 1 ? 0 : 1;
}
