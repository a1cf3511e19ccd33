// What Swift cannot spell of the kernel's TUN and interface calls: variadic ioctl, unions, macros.
// Every function gives 0 or a count, or a negated errno.
#pragma once
#include "CLoop.h"
#include <stddef.h>
#include <stdint.h>

/// The header in front of each frame of a TUN or TAP device with IFF_VNET_HDR.
/// Source: Virtual I/O Device version 1.2, section 5.1.6 (legacy layout, in the machine's order).
struct postroad_vnet_header {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t header_length;
  uint16_t gso_size;
  uint16_t checksum_start;
  uint16_t checksum_offset;
};

enum { POSTROAD_VNET_NEEDS_CHECKSUM = 1, POSTROAD_VNET_VALID = 2 };
enum { POSTROAD_VNET_GSO_NONE = 0, POSTROAD_VNET_GSO_TCPV4 = 1, POSTROAD_VNET_GSO_ECN = 0x80 };

/// Opens the device node nonblocking: a descriptor, or a negated errno.
int postroad_tun_open(void);
/// Attaches to (or creates) the device; `name` holds 16 octets and is given the real name.
int postroad_tun_attach(int descriptor, char *name, int tap, int vnet_header);
/// With `wanted`, fixes the header's size and lets the kernel hand over partial checksums and TCP
/// super-packets; without, has it finish and cut them.
int postroad_tun_offload(int descriptor, int wanted);
/// Makes the device outlive its descriptor, or not.
int postroad_tun_persist(int descriptor, int persist);
/// Reads one frame: its octets' count, or a negated errno. With a `header` the frame stands behind
/// the octets of it that the kernel puts first; without (NULL) it stands at the buffer's start.
long postroad_vnet_read(int descriptor, struct postroad_vnet_header *header, void *buffer,
                        size_t capacity);
/// Writes one frame from three pieces in one call. `header` may be NULL.
long postroad_vnet_write(int descriptor, const struct postroad_vnet_header *header,
                         const void *first, size_t first_count, const void *second,
                         size_t second_count, const void *third, size_t third_count);

enum { POSTROAD_LOCAL = 0, POSTROAD_PEER = 1, POSTROAD_NETMASK = 2 };
/// Sets or gets an IPv4 address of an interface, as a number in the machine's order.
int postroad_interface_set_address(const char *name, int which, uint32_t address);
int postroad_interface_get_address(const char *name, int which, uint32_t *address);
int postroad_interface_set_up(const char *name, int up);
/// 1 when the interface is up, 0 when it is down.
int postroad_interface_is_up(const char *name);
int postroad_interface_set_mtu(const char *name, int mtu);
int postroad_interface_get_mtu(const char *name);

/// Moves the calling thread (it alone) into the network namespace behind `path`.
int postroad_enter_network_namespace(const char *path);
