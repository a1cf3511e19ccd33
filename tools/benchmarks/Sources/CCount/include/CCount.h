#pragma once
#include <stdint.h>

/// Allocations (malloc, calloc, realloc, aligned ones) of this process so far.
uint64_t count_allocations(void);
/// Retains of Swift objects so far; 0 until count_retains_start.
uint64_t count_retains(void);
/// Begins to count retains.
void count_retains_start(void);
