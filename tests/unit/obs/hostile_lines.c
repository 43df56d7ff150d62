/*
 * Prints log lines in JSON over hostile values, each with its bytes in hex, for check_json.py:
 * every single byte, every pair of a lead byte and another, and what a generator makes of a seed.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/obs/log.h"

enum {
    N_RANDOM = 20000,
    MAX_BYTES = 120,
};

static void print_value(const uint8_t *bytes, size_t n)
{
    char value[MAX_BYTES + 1] = {0};
    char hex[2 * MAX_BYTES + 1] = {0};
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    memcpy(value, bytes, n);
    log_info("hostile", "hex=%s claims=%s n=%zu", hex, value, n);
}

/* Mostly bytes that mean something to JSON, to UTF-8 or to a terminal. */
static uint8_t pick(uint64_t *state)
{
    static const uint8_t sharp[] = {'"',  '\\', '\n', '{',  '}',  0x1b, 0x7f,
                                    0x9b, 0xc2, 0xe2, 0x80, 0xae, 0xed, 0xa0,
                                    0xf0, 0x9f, 0x98, 0x80, 0xf4, 0x90, 0xff};
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    const uint8_t random = (uint8_t)(*state >> 40);
    return random % 3 == 0 && random != 0 ? random : sharp[random % sizeof sharp];
}

int main(void)
{
    uint64_t state = 1;
    log_configure(&(struct log_options){
        .level = LOG_LEVEL_INFO, .format = LOG_FORMAT_JSON, .fd = STDOUT_FILENO});
    for (unsigned first = 1; first < 256; first++) {
        const uint8_t one = (uint8_t)first;
        print_value(&one, 1);
        for (unsigned second = 1; first >= 0xc0 && second < 256; second++) {
            print_value((const uint8_t[]){one, (uint8_t)second}, 2);
        }
    }
    for (unsigned i = 0; i < N_RANDOM; i++) {
        uint8_t bytes[MAX_BYTES];
        const size_t n = 1 + pick(&state) % MAX_BYTES;
        for (size_t k = 0; k < n; k++) {
            bytes[k] = pick(&state);
        }
        print_value(bytes, n);
    }
    return 0;
}
