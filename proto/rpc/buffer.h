/*
 * A growable byte queue: appended at the end, consumed at the front. Empty means no memory: an
 * idle connection holds none. Growth follows what arrived, never a claimed length.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* {0} is empty. Owns data: oc_buffer_free. */
struct oc_buffer {
    uint8_t *data;
    size_t start;
    size_t end;
    size_t capacity;
};

static inline size_t oc_buffer_length(const struct oc_buffer *buffer)
{
    return buffer->end - buffer->start;
}

static inline const uint8_t *oc_buffer_front(const struct oc_buffer *buffer)
{
    return buffer->data + buffer->start;
}

/* Makes room for n more bytes; false when out of memory, the content is then unharmed. */
bool oc_buffer_reserve(struct oc_buffer *buffer, size_t n);
bool oc_buffer_append(struct oc_buffer *buffer, const void *bytes, size_t n);
/* The same where oc_buffer_reserve made the room. */
static inline void oc_buffer_put(struct oc_buffer *buffer, const void *bytes, size_t n)
{
    assert(n <= buffer->capacity - buffer->end);
    if (n > 0) {
        memcpy(buffer->data + buffer->end, bytes, n);
        buffer->end += n;
    }
}
/* Takes n bytes off the front; frees the memory with the last one. */
void oc_buffer_consume(struct oc_buffer *buffer, size_t n);
void oc_buffer_free(struct oc_buffer *buffer);
