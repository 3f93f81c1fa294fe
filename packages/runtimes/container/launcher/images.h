/* Image files on the host: writable uppers behind loop devices, read-only erofs layers, the device-node layer. */
#ifndef SANDLOT_LAUNCHER_IMAGES_H
#define SANDLOT_LAUNCHER_IMAGES_H
#include <stdbool.h>

/* Copies the template image into `dir/image`, and mounts it at `dir/m` through a loop device named in `dir/loop`. */
void make_upper(const char *template_image, const char *dir);
/* Shows a mounted upper's files once more at `at`, read-only, with the ids that are on its disk. */
void view_upper(const char *dir, const char *at);
/* Unmounts `dir/m` and waits until the loop device has let go of the image. Fine when there is nothing. */
void release_upper(const char *dir);
/* Mounts an erofs image read-only at `at`; through a loop device when the kernel cannot mount the file itself. */
void mount_layer(const char *image, const char *at, bool force_loop);
/* Makes dev/{null,zero,…} and its links below `dir`: the one layer whose nodes work inside a user namespace. */
void make_devices(const char *dir);
#endif
