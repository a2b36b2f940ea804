/* What of the standard header the generated bindings use; src/memory.c has it. */
#ifndef FIXSTREAM_STDLIB_H
#define FIXSTREAM_STDLIB_H

#include <stddef.h>

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void free(void *block);
_Noreturn void abort(void);

#endif
