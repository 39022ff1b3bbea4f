/* dontneed.c: giving pages back, and
 * keeping the addresses. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
  size_t page = sysconf(_SC_PAGESIZE);

  /* Page number 2^20, if we may. */
  void *wish = (void *)(page << 20);
  char *area = mmap(wish, 8 * page,
                    PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS,
                    -1, 0);
  if (area == MAP_FAILED) {
    perror("mmap");
    return 1;
  }

  for (int i = 0; i < 8; i++)
    area[i * page] = 'a' + i;

  if (madvise(area, 4 * page,
              MADV_DONTNEED) != 0) {
    perror("MADV_DONTNEED");
    return 1;
  }

  printf("%d\n", area[0]);

  area[page] = 'B';

  if (madvise(area + 4 * page, 4 * page,
              MADV_FREE) != 0) {
    perror("MADV_FREE");
    return 1;
  }

  area[4 * page] = 'E';

  if (munmap(area, 8 * page) != 0) {
    perror("munmap");
    return 1;
  }
  return 0;
}
