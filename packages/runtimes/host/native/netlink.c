#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void nl_begin(struct nl_request *r, int type, int flags, const void *fixed, size_t size) {
    memset(r, 0, sizeof *r);
    r->header.nlmsg_type = (unsigned short)type;
    r->header.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags);
    r->header.nlmsg_len = (unsigned)(NLMSG_LENGTH(0) + NLMSG_ALIGN(size));
    memcpy(r->body, fixed, size);
}

struct rtattr *nl_put(struct nl_request *r, int type, const void *data, size_t size) {
    struct rtattr *attribute = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->header.nlmsg_len));
    attribute->rta_type = (unsigned short)type;
    attribute->rta_len = (unsigned short)RTA_LENGTH(size);
    if (size > 0) memcpy(RTA_DATA(attribute), data, size);
    r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
    return attribute;
}

void nl_end_nest(struct nl_request *r, struct rtattr *nest) {
    nest->rta_len = (unsigned short)((char *)r + r->header.nlmsg_len - (char *)nest);
}

/* Sends and waits for the acknowledgement: 0 or -errno. */
int nl_ask(int socket, struct nl_request *r) {
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
int nl_socket_in(int netns) {
    if (setns(netns, CLONE_NEWNET) < 0) fail_errno("network", "setns");
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) fail_errno("network", "netlink");
    return fd;
}

int nl_index_of(int socket, const char *name) {
    struct ifreq query = {0};
    snprintf(query.ifr_name, sizeof query.ifr_name, "%s", name);
    return ioctl(socket, SIOCGIFINDEX, &query) < 0 ? 0 : query.ifr_ifindex;
}

int nl_delete_link(int socket, const char *name) {
    int index = nl_index_of(socket, name);
    if (index == 0) return 0;
    struct ifinfomsg link = {.ifi_index = index};
    struct nl_request r;
    nl_begin(&r, RTM_DELLINK, 0, &link, sizeof link);
    return nl_ask(socket, &r);
}

void nl_add_address(int socket, const char *link, struct in_addr address, unsigned prefix) {
    struct ifaddrmsg about = {.ifa_family = AF_INET, .ifa_prefixlen = (unsigned char)prefix, .ifa_index = (unsigned)nl_index_of(socket, link)};
    struct nl_request r;
    nl_begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &about, sizeof about);
    nl_put(&r, IFA_LOCAL, &address, sizeof address);
    nl_put(&r, IFA_ADDRESS, &address, sizeof address);
    errno = -nl_ask(socket, &r);
    if (errno != 0) fail_errno("network", "cannot address %s", link);
}

void nl_add_default_route(int socket, const char *link, struct in_addr gateway) {
    struct rtmsg route = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST};
    int through = nl_index_of(socket, link);
    struct nl_request r;
    nl_begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route, sizeof route);
    nl_put(&r, RTA_GATEWAY, &gateway, sizeof gateway);
    nl_put(&r, RTA_OIF, &through, sizeof through);
    errno = -nl_ask(socket, &r);
    if (errno != 0) fail_errno("network", "cannot add the default route");
}

void nl_bring_up(int socket, const char *link) {
    struct ifinfomsg up = {.ifi_index = nl_index_of(socket, link), .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct nl_request r;
    nl_begin(&r, RTM_NEWLINK, 0, &up, sizeof up);
    errno = -nl_ask(socket, &r);
    if (errno != 0) fail_errno("network", "cannot bring %s up", link);
}

void parse_cidr(const char *cidr, struct in_addr *address, unsigned *prefix) {
    char text[32];
    snprintf(text, sizeof text, "%s", cidr);
    char *slash = strchr(text, '/');
    if (slash == NULL) fail("config", "guest_cidr has no prefix: %s", cidr);
    *slash = 0;
    *prefix = (unsigned)atoi(slash + 1);
    if (inet_pton(AF_INET, text, address) != 1 || *prefix == 0 || *prefix > 32) fail("config", "guest_cidr: %s", cidr);
}

void remove_link(const char *netns, const char *link) {
    int slot_netns = open(netns, O_RDONLY | O_CLOEXEC);
    if (slot_netns < 0) return;
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (setns(slot_netns, CLONE_NEWNET) == 0) {
        int slot = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        setns(home, CLONE_NEWNET);
        nl_delete_link(slot, link);
        close(slot);
    }
    close(home);
    close(slot_netns);
}
