#define _GNU_SOURCE
#include "CLoop.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int postroad_poller_create(void) {
    int descriptor = epoll_create1(EPOLL_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

int postroad_wakeup_create(void) {
    int descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

int postroad_poller_add(int poller, int descriptor, uint32_t tag) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = tag};
    return epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

int postroad_poller_remove(int poller, int descriptor) {
    return epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, NULL) < 0 ? -errno : 0;
}

/// Waits in whole milliseconds, rounded up, where the kernel (before 5.11) or a sandbox has no better.
static int coarse_wait(int poller, struct epoll_event *events, int limit, int64_t nanoseconds) {
    int64_t milliseconds = nanoseconds / 1000000 + (nanoseconds % 1000000 > 0);
    if (milliseconds > INT32_MAX) milliseconds = INT32_MAX;
    return epoll_wait(poller, events, limit, nanoseconds < 0 ? -1 : (int)milliseconds);
}

uint32_t postroad_poller_wait(int poller, int64_t nanoseconds) {
    struct epoll_event events[4];
    struct timespec time = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    // Not through the C library, for whom each such call is a place where a thread may be cancelled.
    int count = (int)syscall(SYS_epoll_pwait2, poller, events, 4, nanoseconds < 0 ? NULL : &time,
                             NULL, (size_t)0);
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) {
        count = coarse_wait(poller, events, 4, nanoseconds);
    }
    uint32_t bits = 0;
    for (int index = 0; index < count; index++) bits |= 1u << events[index].data.u32;
    return bits;
}

void postroad_wakeup_signal(int descriptor) {
    uint64_t one = 1;
    while (write(descriptor, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void postroad_wakeup_clear(int descriptor) {
    uint64_t count;
    while (read(descriptor, &count, sizeof count) < 0 && errno == EINTR) {
    }
}
