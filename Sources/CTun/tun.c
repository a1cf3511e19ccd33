#define _GNU_SOURCE
#include "CTun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(struct postroad_vnet_header) == sizeof(struct virtio_net_hdr),
               "our header has the kernel's layout");

int postroad_tun_open(void) {
  int descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  return descriptor < 0 ? -errno : descriptor;
}

int postroad_tun_attach(int descriptor, char *name, int tap, int vnet_header) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  memcpy(request.ifr_name, name, IFNAMSIZ);
  request.ifr_name[IFNAMSIZ - 1] = 0;
  request.ifr_flags = (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (vnet_header ? IFF_VNET_HDR : 0));
  if (ioctl(descriptor, TUNSETIFF, &request) < 0) return -errno;
  memcpy(name, request.ifr_name, IFNAMSIZ);
  name[IFNAMSIZ - 1] = 0;
  return 0;
}

int postroad_tun_offload(int descriptor, int wanted) {
  int size = sizeof(struct virtio_net_hdr);
  if (wanted && ioctl(descriptor, TUNSETVNETHDRSZ, &size) < 0) return -errno;
  unsigned long features = wanted ? TUN_F_CSUM | TUN_F_TSO4 : 0;
  return ioctl(descriptor, TUNSETOFFLOAD, features) < 0 ? -errno : 0;
}

int postroad_tun_persist(int descriptor, int persist) {
  return ioctl(descriptor, TUNSETPERSIST, (unsigned long)(persist != 0)) < 0 ? -errno : 0;
}

// Reads and writes of frames go past the C library, for whom each is a place where a thread may be
// cancelled, which costs more than it sounds.

long postroad_vnet_read(int descriptor, struct postroad_vnet_header *header, void *buffer,
                        size_t capacity) {
  size_t prefix = header ? sizeof *header : 0;
  ssize_t count = syscall(SYS_read, descriptor, buffer, capacity);
  if (count < 0) return -errno;
  if ((size_t)count < prefix) return 0;
  if (header) memcpy(header, buffer, prefix);
  return (long)((size_t)count - prefix);
}

/// Up to this many octets are gathered here: cheaper than having the kernel look at four pieces.
enum { small_frame = 640 };

static char *gathered(char *end, const void *piece, size_t count) {
  if (count) memcpy(end, piece, count);
  return end + count;
}

long postroad_vnet_write(int descriptor, const struct postroad_vnet_header *header,
                         const void *first, size_t first_count, const void *second,
                         size_t second_count, const void *third, size_t third_count) {
  size_t prefix = header ? sizeof *header : 0;
  if (prefix + first_count + second_count + third_count <= small_frame) {
    char frame[small_frame];
    char *end = gathered(frame, header, prefix);
    end = gathered(end, first, first_count);
    end = gathered(end, second, second_count);
    end = gathered(end, third, third_count);
    ssize_t count = syscall(SYS_write, descriptor, frame, (size_t)(end - frame));
    return count < 0 ? -errno : count;
  }
  struct iovec pieces[4];
  int used = 0;
  if (header) pieces[used++] = (struct iovec){(void *)header, prefix};
  if (first_count) pieces[used++] = (struct iovec){(void *)first, first_count};
  if (second_count) pieces[used++] = (struct iovec){(void *)second, second_count};
  if (third_count) pieces[used++] = (struct iovec){(void *)third, third_count};
  ssize_t count = syscall(SYS_writev, descriptor, pieces, used);
  return count < 0 ? -errno : count;
}

/// Runs one interface ioctl on a socket of its own.
static int interface_request(const char *name, unsigned long code, struct ifreq *request) {
  strncpy(request->ifr_name, name, IFNAMSIZ - 1);
  request->ifr_name[IFNAMSIZ - 1] = 0;
  int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  int result = ioctl(descriptor, code, request) < 0 ? -errno : 0;
  close(descriptor);
  return result;
}

int postroad_interface_set_address(const char *name, int which, uint32_t address) {
  static const unsigned long codes[3] = {SIOCSIFADDR, SIOCSIFDSTADDR, SIOCSIFNETMASK};
  if (which < 0 || which > 2) return -EINVAL;
  struct ifreq request;
  memset(&request, 0, sizeof request);
  struct sockaddr_in internet = {.sin_family = AF_INET, .sin_addr = {htonl(address)}};
  memcpy(&request.ifr_addr, &internet, sizeof internet);
  return interface_request(name, codes[which], &request);
}

int postroad_interface_get_address(const char *name, int which, uint32_t *address) {
  static const unsigned long codes[3] = {SIOCGIFADDR, SIOCGIFDSTADDR, SIOCGIFNETMASK};
  if (which < 0 || which > 2) return -EINVAL;
  struct ifreq request;
  memset(&request, 0, sizeof request);
  int result = interface_request(name, codes[which], &request);
  if (result < 0) return result;
  struct sockaddr_in internet;
  memcpy(&internet, &request.ifr_addr, sizeof internet);
  *address = ntohl(internet.sin_addr.s_addr);
  return 0;
}

int postroad_interface_set_up(const char *name, int up) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  int result = interface_request(name, SIOCGIFFLAGS, &request);
  if (result < 0) return result;
  short flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  if (flags == request.ifr_flags) return 0;
  request.ifr_flags = flags;
  return interface_request(name, SIOCSIFFLAGS, &request);
}

int postroad_interface_is_up(const char *name) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  int result = interface_request(name, SIOCGIFFLAGS, &request);
  return result < 0 ? result : (request.ifr_flags & IFF_UP) != 0;
}

int postroad_interface_set_mtu(const char *name, int mtu) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  request.ifr_mtu = mtu;
  return interface_request(name, SIOCSIFMTU, &request);
}

int postroad_interface_get_mtu(const char *name) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  int result = interface_request(name, SIOCGIFMTU, &request);
  return result < 0 ? result : request.ifr_mtu;
}

int postroad_enter_network_namespace(const char *path) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  int result = setns(descriptor, CLONE_NEWNET) < 0 ? -errno : 0;
  close(descriptor);
  return result;
}
