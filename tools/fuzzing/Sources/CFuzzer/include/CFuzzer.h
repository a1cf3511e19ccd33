#ifndef CFUZZER_H
#define CFUZZER_H

#include <stddef.h>
#include <stdint.h>

/// Runs libFuzzer with the process's arguments; returns its exit code. libFuzzer calls
/// LLVMFuzzerTestOneInput, which the program defines.
int fuzzer_run(int argc, char **argv);

#endif
