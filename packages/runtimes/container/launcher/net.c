#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Constant in every machine, so that a snapshot may resume in any slot. */
static const unsigned char guest_mac[6] = {0x02, 0xFC, 0x00, 0x00, 0x00, 0x05};

struct request {
    struct nlmsghdr header;
    char body[1024];
};

static void begin(struct request *r, int type, int flags, const void *fixed, size_t size) {
    memset(r, 0, sizeof *r);
    r->header.nlmsg_type = (unsigned short)type;
    r->header.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags);
    r->header.nlmsg_len = (unsigned)(NLMSG_LENGTH(0) + NLMSG_ALIGN(size));
    memcpy(r->body, fixed, size);
}

static struct rtattr *put(struct request *r, int type, const void *data, size_t size) {
    struct rtattr *attribute = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->header.nlmsg_len));
    attribute->rta_type = (unsigned short)type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    if (size > 0) memcpy(RTA_DATA(attribute), data, size);
    r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
    return attribute;
}

static void end_nest(struct request *r, struct rtattr *nest) {
    nest->rta_len = (unsigned short)((char *)r + r->header.nlmsg_len - (char *)nest);
}

/* Sends and waits for the acknowledgement: 0 or -errno. */
static int ask(int socket, struct request *r) {
    if (send(socket, r, r->header.nlmsg_len, 0) < 0) return -errno;
    char answer[4096];
    for (;;) {
        ssize_t got = recv(socket, answer, sizeof answer, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        struct nlmsghdr *header = (struct nlmsghdr *)answer;
        if (header->nlmsg_type == NLMSG_ERROR) return ((struct nlmsgerr *)NLMSG_DATA(header))->error;
    }
}

/* A socket stays in the namespace it was made in, so one thread can speak to all of them. */
static int socket_in(int netns) {
    if (setns(netns, CLONE_NEWNET) < 0) fail_errno("network", "setns");
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) fail_errno("network", "netlink");
    return fd;
}

static int index_of(int socket, const char *name) {
    struct ifreq query = {0};
    snprintf(query.ifr_name, sizeof query.ifr_name, "%s", name);
    return ioctl(socket, SIOCGIFINDEX, &query) < 0 ? 0 : query.ifr_ifindex;
}

static int delete_link(int socket, const char *name) {
    int index = index_of(socket, name);
    if (index == 0) return 0;
    struct ifinfomsg link = {.ifi_index = index};
    struct request r;
    begin(&r, RTM_DELLINK, 0, &link, sizeof link);
    return ask(socket, &r);
}

static int add_pair(const struct config *config, int slot, int guest_netns) {
    struct ifinfomsg up = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP}, down = {0};
    struct request r;
    begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &up, sizeof up);
    put(&r, IFLA_IFNAME, config->host_link, strlen(config->host_link) + 1);
    put(&r, IFLA_MTU, &config->mtu, sizeof config->mtu);
    struct rtattr *info = put(&r, IFLA_LINKINFO, NULL, 0);
    put(&r, IFLA_INFO_KIND, "veth", 5);
    struct rtattr *data = put(&r, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *peer = put(&r, VETH_INFO_PEER, &down, sizeof down); /* a veth cannot come up before its other end exists */
    put(&r, IFLA_IFNAME, "eth0", 5);
    put(&r, IFLA_MTU, &config->mtu, sizeof config->mtu);
    put(&r, IFLA_ADDRESS, guest_mac, sizeof guest_mac);
    put(&r, IFLA_NET_NS_FD, &guest_netns, sizeof guest_netns);
    end_nest(&r, peer);
    end_nest(&r, data);
    end_nest(&r, info);
    return ask(slot, &r);
}

static void add_address(int socket, const char *link, struct in_addr address, unsigned prefix) {
    struct ifaddrmsg about = {.ifa_family = AF_INET, .ifa_prefixlen = (unsigned char)prefix, .ifa_index = (unsigned)index_of(socket, link)};
    struct request r;
    begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &about, sizeof about);
    put(&r, IFA_LOCAL, &address, sizeof address);
    put(&r, IFA_ADDRESS, &address, sizeof address);
    errno = -ask(socket, &r);
    if (errno != 0) fail_errno("network", "cannot address %s", link);
}

static void add_default_route(int socket, struct in_addr gateway) {
    struct rtmsg route = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST};
    int link = index_of(socket, "eth0");
    struct request r;
    begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
    put(&r, RTA_GATEWAY, &gateway, sizeof gateway);
    put(&r, RTA_OIF, &link, sizeof link);
    errno = -ask(socket, &r);
    if (errno != 0) fail_errno("network", "cannot add the default route");
}

static void bring_up(int socket, const char *link) {
    struct ifinfomsg up = {.ifi_index = index_of(socket, link), .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct request r;
    begin(&r, RTM_NEWLINK, 0, &up, sizeof up);
    errno = -ask(socket, &r);
    if (errno != 0) fail_errno("network", "cannot bring %s up", link);
}

static void parse_cidr(const char *cidr, struct in_addr *address, unsigned *prefix) {
    char text[32];
    snprintf(text, sizeof text, "%s", cidr);
    char *slash = strchr(text, '/');
    if (slash == NULL) fail("config", "guest_cidr has no prefix: %s", cidr);
    *slash = 0;
    *prefix = (unsigned)atoi(slash + 1);
    if (inet_pton(AF_INET, text, address) != 1 || *prefix == 0 || *prefix > 32) fail("config", "guest_cidr: %s", cidr);
}

void plug_in(const struct config *config, int guest_netns) {
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int guest = socket_in(guest_netns);
    bring_up(guest, "lo");
    if (config->netns == NULL) {
        if (setns(home, CLONE_NEWNET) < 0) fail_errno("network", "setns home");
        close(home);
        close(guest);
        return;
    }
    struct in_addr address, gateway;
    unsigned prefix;
    parse_cidr(config->guest_cidr, &address, &prefix);
    if (inet_pton(AF_INET, config->guest_gateway, &gateway) != 1) fail("config", "guest_gateway: %s", config->guest_gateway);
    int slot_netns = open(config->netns, O_RDONLY | O_CLOEXEC);
    if (slot_netns < 0) fail_errno("network", "slot %s", config->netns);
    int slot = socket_in(slot_netns);
    if (setns(home, CLONE_NEWNET) < 0) fail_errno("network", "setns home");
    int result = add_pair(config, slot, guest_netns);
    /* The kernel takes a dead machine's namespace apart later; its end may still be in the slot. */
    for (int tries = 0; result == -EEXIST && tries < 50; tries++) {
        delete_link(slot, config->host_link);
        result = add_pair(config, slot, guest_netns);
        if (result == -EEXIST) sleep_ms(2);
    }
    errno = -result;
    if (result != 0) fail_errno("network", "cannot make %s in %s", config->host_link, config->netns);
    bring_up(guest, "eth0");
    add_address(slot, config->host_link, gateway, prefix);
    add_address(guest, "eth0", address, prefix);
    add_default_route(guest, gateway);
    close(slot);
    close(slot_netns);
    close(guest);
    close(home);
}

void unplug(const struct config *config) {
    if (config->netns == NULL || config->host_link == NULL) return;
    int slot_netns = open(config->netns, O_RDONLY | O_CLOEXEC);
    if (slot_netns < 0) return;
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (setns(slot_netns, CLONE_NEWNET) == 0) {
        int slot = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        setns(home, CLONE_NEWNET);
        delete_link(slot, config->host_link);
        close(slot);
    }
    close(home);
    close(slot_netns);
}
