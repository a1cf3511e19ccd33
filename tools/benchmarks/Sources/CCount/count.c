// Stands before the C library's allocator, and before the Swift runtime's retain, and counts.
#include "CCount.h"
#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static _Atomic uint64_t allocations, retains;

void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
    allocations++;
    return __libc_realloc(old, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
    allocations++;
    return __libc_memalign(alignment, size);
}
int posix_memalign(void **place, size_t alignment, size_t size) {
    allocations++;
    *place = __libc_memalign(alignment, size);
    return *place ? 0 : ENOMEM;
}

uint64_t count_allocations(void) { return allocations; }
uint64_t count_retains(void) { return retains; }

// The runtime calls its retain through this variable, for instruments such as this one.
extern void *(*_swift_retain)(void *);
extern _Atomic _Bool _swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly;
static void *(*runtime_retain)(void *);

static void *counted_retain(void *object) {
    retains++;
    return runtime_retain(object);
}

void count_retains_start(void) {
    if (runtime_retain) return;
    runtime_retain = _swift_retain;
    _swift_retain = counted_retain;
    _swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly = 1;
}
