/* A process that maps a file privately, as a machine's program does, and changes pages of it when told: `w PAGE BYTE`, `z PAGE`,
 * `r PAGE` (prints its first byte). Prints the mapping's address first. Used by memory.int.test.ts. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	size_t bytes = strtoull(argv[2], NULL, 10);
	int is_file = strcmp(argv[1], "-") != 0;
	int fd = is_file ? open(argv[1], O_RDONLY) : -1;
	int flags = MAP_PRIVATE | (is_file ? 0 : MAP_ANONYMOUS);
	unsigned char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (at == MAP_FAILED)
		return 1;
	printf("%lu\n", (unsigned long)at);
	fflush(stdout);
	char what;
	unsigned long page, byte;
	while (scanf(" %c %lu %lu", &what, &page, &byte) == 3) {
		if (what == 'w')
			memset(at + page * PAGE, (int)byte, PAGE);
		printf("%u\n", at[page * PAGE]);
		fflush(stdout);
	}
	return 0;
}
