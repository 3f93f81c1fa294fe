/* A restored machine's connections to the world have no other end any more, or, in a copy, one that is the original's. A
 * stream with the same keys and counters must not go on twice, so they end before a process inside runs. */
#include "connections.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define AT_ONCE 256

struct request {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
};

static struct request ask_for(uint16_t type, uint16_t flags, uint8_t family) {
    struct request request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)},
        .body = {.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP},
    };
    request.body.idiag_states = ~(1U << TCP_LISTEN | 1U << TCP_CLOSE | 1U << TCP_TIME_WAIT);
    return request;
}

static bool is_own(const struct inet_diag_msg *found) {
    const uint8_t *from = (const uint8_t *)found->id.idiag_src, *to = (const uint8_t *)found->id.idiag_dst;
    if (memcmp(from, to, found->idiag_family == AF_INET ? 4 : 16) == 0) return true;
    if (found->idiag_family == AF_INET) return to[0] == 127;
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(to, mapped, sizeof mapped) == 0 && to[12] == 127;
}

/* Those of one family that go out, `room` of them at most. All of the list is read: while one is under way nothing else can be asked. */
static size_t list_outside(int line, uint8_t family, struct inet_diag_sockid *found, size_t room) {
    static char bytes[32768] __attribute__((aligned(8)));
    struct request request = ask_for(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family);
    if (send(line, &request, sizeof request, 0) < 0) return 0;
    size_t count = 0;
    for (;;) {
        ssize_t length = recv(line, bytes, sizeof bytes, 0);
        if (length <= 0) return count;
        for (struct nlmsghdr *at = (struct nlmsghdr *)bytes; NLMSG_OK(at, (size_t)length); at = NLMSG_NEXT(at, length)) {
            if (at->nlmsg_type == NLMSG_DONE || at->nlmsg_type == NLMSG_ERROR) return count;
            const struct inet_diag_msg *one = NLMSG_DATA(at);
            if (!is_own(one) && count < room) found[count++] = one->id;
        }
    }
}

/* False also when it has ended by itself meanwhile. */
static bool end_one(int line, uint8_t family, const struct inet_diag_sockid *id) {
    struct request request = ask_for(SOCK_DESTROY, NLM_F_ACK, family);
    struct {
        struct nlmsghdr header;
        struct nlmsgerr body;
        char rest[512];
    } answer;
    request.body.id = *id;
    if (send(line, &request, sizeof request, 0) < 0) return false;
    ssize_t length = recv(line, &answer, sizeof answer, 0);
    return length >= (ssize_t)(sizeof answer.header + sizeof answer.body) && answer.body.error == 0;
}

int open_connections(void) {
    return socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
}

void end_outside_connections(int line) {
    static const uint8_t families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < sizeof families; i++) {
        struct inet_diag_sockid found[AT_ONCE];
        size_t count;
        do {
            size_t ended = 0;
            count = list_outside(line, families[i], found, AT_ONCE);
            for (size_t j = 0; j < count; j++) ended += end_one(line, families[i], &found[j]);
            if (ended == 0) break; /* the kernel would tell of the same ones for ever */
        } while (count == AT_ONCE);
    }
}
