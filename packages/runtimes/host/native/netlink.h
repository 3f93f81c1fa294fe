/* Links and addresses in network namespaces, by rtnetlink. */
#ifndef SANDLOT_NATIVE_NETLINK_H
#define SANDLOT_NATIVE_NETLINK_H
#include "base.h"

#include <linux/rtnetlink.h>
#include <netinet/in.h>

struct nl_request {
    struct nlmsghdr header;
    char body[1024];
};

void nl_begin(struct nl_request *r, int type, int flags, const void *fixed, size_t size);
struct rtattr *nl_put(struct nl_request *r, int type, const void *data, size_t size);
void nl_end_nest(struct nl_request *r, struct rtattr *nest);
/* Sends and waits for the acknowledgement: 0 or -errno. */
int nl_ask(int socket, struct nl_request *r);
/* Enters a network namespace and opens a socket there: it stays there, so one thread can speak to several. */
int nl_socket_in(int netns);
/* 0 when there is no link of that name. */
int nl_index_of(int socket, const char *name);
int nl_delete_link(int socket, const char *name);
void nl_add_address(int socket, const char *link, struct in_addr address, unsigned prefix);
/* All that has no other way goes through `gateway`, out of `link`. */
void nl_add_default_route(int socket, const char *link, struct in_addr gateway);
void nl_bring_up(int socket, const char *link);
void parse_cidr(const char *cidr, struct in_addr *address, unsigned *prefix);
/* Deletes a link in a namespace by path, if both are there; comes back to the namespace it is called in. */
void remove_link(const char *netns, const char *link);

#endif
