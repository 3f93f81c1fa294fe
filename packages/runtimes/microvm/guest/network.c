/* The sandbox's only link. Its address is the same in every guest, so that a snapshot may resume anywhere. */
#include "guest.h"

#include <arpa/inet.h>
#include <errno.h>
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

static void add_default_route(int socket, const char *through) {
    struct rtmsg route = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST};
    struct in_addr gateway;
    if (inet_pton(AF_INET, through, &gateway) != 1) fail("network", "gateway: %s", through);
    int link = nl_index_of(socket, "eth0");
    struct nl_request r;
    nl_begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
    nl_put(&r, RTA_GATEWAY, &gateway, sizeof gateway);
    nl_put(&r, RTA_OIF, &link, sizeof link);
    errno = -nl_ask(socket, &r);
    if (errno != 0) fail_errno("network", "cannot add the default route");
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
        if (boot->gateway != NULL) add_default_route(line, boot->gateway);
    }
    close(line);
}
