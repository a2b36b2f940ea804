/* Memory that lives for one call: an arena that grows and is emptied when the host has taken the answer.
 *
 * The host puts a batch into it (through cabi_realloc of the bindings), the decoder its answers; both are
 * done with when the host calls the post-return function, and a decoder keeps nothing between calls. So
 * free() has nothing to do, and an answer may point into its message or to a literal. */

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 65536, ALIGNMENT = 8 };

/* Before each block: its size, for realloc. */
typedef struct {
  size_t size;
  size_t unused;
} header;

_Static_assert(sizeof(header) == ALIGNMENT, "blocks are aligned behind their headers");

/* The linker's: where the data ends. */
extern uint8_t __heap_base[];

/* End of the last block; 0 before the first. */
static uintptr_t top;

static uintptr_t base(void) {
  return ((uintptr_t)__heap_base + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
}

/* Moves the end of the last block; false when there is no more memory. */
static _Bool reach(uintptr_t end) {
  size_t pages = __builtin_wasm_memory_size(0);
  size_t wanted = (end + PAGE - 1) / PAGE;
  if (wanted > pages && __builtin_wasm_memory_grow(0, wanted - pages) == SIZE_MAX) return 0;
  top = end;
  return 1;
}

void *malloc(size_t size) {
  if (top == 0) top = base();
  if (size > INT_MAX - PAGE || top > INT_MAX) return NULL;
  size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
  header *head = (header *)top;
  if (!reach(top + sizeof(header) + size)) return NULL;
  head->size = size;
  return head + 1;
}

void *calloc(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return NULL;
  void *block = malloc(total);
  return block ? memset(block, 0, total) : NULL;
}

void *realloc(void *block, size_t size) {
  if (block == NULL) return malloc(size);
  header *head = (header *)block - 1;
  if (size <= head->size) return block;
  if ((uintptr_t)block + head->size == top && size <= INT_MAX - PAGE && top <= INT_MAX) {
    /* the last block grows where it is */
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!reach((uintptr_t)block + size)) return NULL;
    head->size = size;
    return block;
  }
  void *larger = malloc(size);
  return larger ? memcpy(larger, block, head->size) : NULL;
}

void free(void *block) { (void)block; }

_Noreturn void abort(void) { __builtin_trap(); }

/* Takes the place of the weak function in the bindings, which would free every string by itself. */
__attribute__((__export_name__("cabi_post_fixstream:decoder/decode@1.0.0#decode-batch"))) void
__wasm_export_exports_fixstream_decoder_decode_decode_batch_post_return(uint8_t *answer) {
  (void)answer;
  top = base();
}

/* With bulk memory the compiler makes one instruction of each of these three. */
void *memcpy(void *restrict to, const void *restrict from, size_t count) {
  return __builtin_memcpy(to, from, count);
}

void *memmove(void *to, const void *from, size_t count) { return __builtin_memmove(to, from, count); }

void *memset(void *to, int byte, size_t count) { return __builtin_memset(to, byte, count); }

int memcmp(const void *one, const void *other, size_t count) {
  const uint8_t *left = one, *right = other;
  for (size_t i = 0; i < count; i++) {
    if (left[i] != right[i]) return left[i] - right[i];
  }
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length] != 0) length++;
  return length;
}
