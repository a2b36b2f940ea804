/* What of the standard header the bindings and the compiler use; src/memory.c has it. */
#ifndef FIXSTREAM_STRING_H
#define FIXSTREAM_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count);
void *memmove(void *to, const void *from, size_t count);
void *memset(void *to, int byte, size_t count);
int memcmp(const void *one, const void *other, size_t count);
size_t strlen(const char *text);

#endif
