#ifndef SANDLOT_LAUNCHER_LAYER_IMAGE_H
#define SANDLOT_LAUNCHER_LAYER_IMAGE_H

/* Writes the tree below `source` as an uncompressed erofs image with a UUID of its own. Holes in files stay holes. */
void write_layer(const char *source, const char *target);
#endif
