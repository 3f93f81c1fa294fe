/* The host side of container machines: everything that needs bare system calls. Driven from TypeScript, one short
 * process per call; only `launch` stays, as the parent of its machine. */
#include "cgroup.h"
#include "common.h"
#include "images.h"
#include "layer-image.h"
#include "launch.h"
#include "lxcfs.h"
#include "seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int umount2(const char *target, int flags);

static int usage(void) {
    fputs("launcher launch|end --config FILE\n"
          "launcher seal --config FILE --dir DIR --seconds N [--criu FILE --criu-cache FILE]\n"
          "launcher upper --template IMAGE --dir DIR\n"
          "launcher release --dir DIR\n"
          "launcher layer --image FILE --at DIR [--loop]\n"
          "launcher make-layer --image FILE --dir DIR\n"
          "launcher devices --dir DIR\n"
          "launcher restrict --dir CGROUP\n"
          "launcher unmount --at DIR\n"
          "launcher lxcfs --dir DIR --pid PID\n",
          stderr);
    return 2;
}

int main(int argc, char **argv) {
    const char *action = getenv("CRTOOLS_SCRIPT_ACTION");
    if (argc == 1 && action != NULL) return run_criu_hook(action);
    if (argc < 2) return usage();
    struct seal_request seal = {0};
    const char *seconds = NULL;
    const char *config = NULL, *template_image = NULL, *dir = NULL, *image = NULL, *at = NULL, *pid = NULL;
    bool loop = false;
    for (int i = 2; i < argc; i++) {
        const char **value = strcmp(argv[i], "--config") == 0     ? &config
                             : strcmp(argv[i], "--template") == 0 ? &template_image
                             : strcmp(argv[i], "--dir") == 0      ? &dir
                             : strcmp(argv[i], "--image") == 0    ? &image
                             : strcmp(argv[i], "--at") == 0       ? &at
                             : strcmp(argv[i], "--pid") == 0      ? &pid
                             : strcmp(argv[i], "--criu") == 0     ? &seal.criu
                             : strcmp(argv[i], "--criu-cache") == 0 ? &seal.criu_cache
                             : strcmp(argv[i], "--seconds") == 0  ? &seconds
                                                                  : NULL;
        if (strcmp(argv[i], "--loop") == 0) loop = true;
        else if (value == NULL || i + 1 == argc) return usage();
        else *value = argv[++i];
    }
    const char *what = argv[1];
    if (strcmp(what, "launch") == 0 && config != NULL) return launch(config);
    if (strcmp(what, "end") == 0 && config != NULL) return end_machine(config);
    if (strcmp(what, "seal") == 0 && config != NULL && dir != NULL && seconds != NULL) {
        seal.config_path = config;
        seal.directory = dir;
        seal.seconds = (unsigned)atoi(seconds);
        return seal_machine(&seal);
    }
    if (strcmp(what, "upper") == 0 && template_image != NULL && dir != NULL) return make_upper(template_image, dir), 0;
    if (strcmp(what, "release") == 0 && dir != NULL) return release_upper(dir), 0;
    if (strcmp(what, "layer") == 0 && image != NULL && at != NULL) return mount_layer(image, at, loop), 0;
    if (strcmp(what, "make-layer") == 0 && image != NULL && dir != NULL) return write_layer(dir, image), 0;
    if (strcmp(what, "devices") == 0 && dir != NULL) return make_devices(dir), 0;
    if (strcmp(what, "restrict") == 0 && dir != NULL) return restrict_devices(dir), 0;
    if (strcmp(what, "lxcfs") == 0 && dir != NULL && pid != NULL && atoi(pid) > 1) return renew_lxcfs(dir, atoi(pid)), 0;
    if (strcmp(what, "unmount") == 0 && at != NULL) {
        while (umount2(at, 2 /* MNT_DETACH */) == 0) continue;
        return 0;
    }
    return usage();
}
