/* The sandbox's only link. Its address is the same in every guest, so that a snapshot may resume anywhere. */
#include "guest.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "identity.h"
#include "netlink.h"

static void set_mtu(const char *name, unsigned mtu) {
    int line = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq link = {.ifr_mtu = (int)mtu};
    snprintf(link.ifr_name, sizeof link.ifr_name, "%s", name);
    if (ioctl(line, SIOCSIFMTU, &link) < 0) fail_errno("network", "mtu of %s", name);
    close(line);
}

static void go_through(int line, const char *text) {
    struct in_addr gateway;
    if (inet_pton(AF_INET, text, &gateway) != 1) fail("network", "gateway: %s", text);
    nl_add_default_route(line, "eth0", gateway);
}

void bring_up_network(const struct boot *boot) {
    int line = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (line < 0) fail_errno("network", "netlink");
    nl_bring_up(line, "lo");
    if (boot->address != NULL) {
        struct in_addr address;
        unsigned prefix;
        if (nl_index_of(line, "eth0") == 0) fail("network", "the machine has no eth0");
        parse_cidr(boot->address, &address, &prefix);
        set_own_sysctls(); /* before it is up, so that it never speaks IPv6 */
        if (boot->mtu > 0) set_mtu("eth0", boot->mtu);
        nl_bring_up(line, "eth0");
        nl_add_address(line, "eth0", address, prefix);
        if (boot->gateway != NULL) go_through(line, boot->gateway);
    }
    close(line);
}
