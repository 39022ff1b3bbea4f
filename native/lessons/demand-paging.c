/* demand-paging.c: a large mapping
 * costs nothing until it is touched. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
  size_t page = sysconf(_SC_PAGESIZE);

  /* Page number 2^20, if we may. */
  void *wish = (void *)(page << 20);
  char *area = mmap(wish, 64 * page,
                    PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS,
                    -1, 0);
  if (area == MAP_FAILED) {
    perror("mmap");
    return 1;
  }

  area[0] = 'A';
  area[1] = 'B';

  /* Far away from the first one. */
  area[40 * page] = 'C';

  for (int i = 8; i < 24; i++)
    area[i * page] = 'D';

  printf("%c%c\n", area[0], area[1]);

  if (munmap(area, 64 * page) != 0) {
    perror("munmap");
    return 1;
  }
  return 0;
}
