/* remap.c: a mapping grows, and when
 * there is no room, it moves. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
  size_t page = sysconf(_SC_PAGESIZE);

  /* Page number 2^20, if we may. */
  char *wish = (char *)(page << 20);
  char *area = mmap(wish, 2 * page,
                    PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS,
                    -1, 0);
  if (area == MAP_FAILED) {
    perror("mmap");
    return 1;
  }
  area[0] = 'a';
  area[page] = 'b';

  if (mremap(area, 2 * page,
             4 * page, 0) != area)
    return 1;

  char *wall = mmap(area + 4 * page, page,
                    PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS,
                    -1, 0);
  if (wall != area + 4 * page)
    return 1;

  if (mremap(area, 4 * page,
             8 * page, 0) != MAP_FAILED ||
      errno != ENOMEM)
    return 1;

  char *moved = mremap(area, 4 * page,
                       8 * page,
                       MREMAP_MAYMOVE);
  if (moved == MAP_FAILED)
    return 1;

  printf("%c%c\n", moved[0], moved[page]);

  if (mremap(moved, 8 * page,
             page, 0) != moved)
    return 1;
  return 0;
}
