/* See buffer.h. */
#include "proto/rpc/buffer.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

bool oc_buffer_reserve(struct oc_buffer *buffer, size_t n)
{
    const size_t length = oc_buffer_length(buffer);
    if (n > SIZE_MAX / 4 - length) {
        return false;
    }
    if (n <= buffer->capacity - buffer->end) {
        return true;
    }
    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : buffer->capacity;
    while (capacity < length + n) {
        capacity *= 2;
    }
    uint8_t *data = malloc(capacity);
    if (!data) {
        return false;
    }
    if (length > 0) {
        memcpy(data, oc_buffer_front(buffer), length);
    }
    free(buffer->data);
    *buffer = (struct oc_buffer){.data = data, .end = length, .capacity = capacity};
    return true;
}

bool oc_buffer_append(struct oc_buffer *buffer, const void *bytes, size_t n)
{
    if (!oc_buffer_reserve(buffer, n)) {
        return false;
    }
    oc_buffer_put(buffer, bytes, n);
    return true;
}

void oc_buffer_consume(struct oc_buffer *buffer, size_t n)
{
    buffer->start += n;
    if (buffer->start == buffer->end) {
        oc_buffer_free(buffer);
    }
}

void oc_buffer_free(struct oc_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct oc_buffer){0};
}
