#pragma once
// What an event loop needs of Linux and Swift's Glibc module leaves out, or gives unsafe types.
#include <stdint.h>

/// Makes an epoll descriptor, or gives -errno.
int postroad_poller_create(void);
/// Makes a non-blocking eventfd, or gives -errno.
int postroad_wakeup_create(void);
/// Waits for `descriptor` to be readable, too; `tag` is 0...31. Returns 0 or -errno.
int postroad_poller_add(int poller, int descriptor, uint32_t tag);
/// Waits for `descriptor` no longer. Returns 0 or -errno.
int postroad_poller_remove(int poller, int descriptor);
/// Waits; `nanoseconds` below 0 means without end. Returns the bits of the tags that are readable.
uint32_t postroad_poller_wait(int poller, int64_t nanoseconds);
/// Makes an eventfd readable.
void postroad_wakeup_signal(int descriptor);
/// Makes an eventfd unreadable again.
void postroad_wakeup_clear(int descriptor);
