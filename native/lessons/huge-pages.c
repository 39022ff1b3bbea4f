/* huge-pages.c: 512 pages at a time,
 * if the kernel is asked kindly. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
  size_t page = sysconf(_SC_PAGESIZE);
  size_t huge = 512 * page; /* 2 MiB */

  /* Page number 2^20: a whole multiple. */
  void *wish = (void *)(page << 20);
  char *area = mmap(wish, 2 * huge,
                    PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS,
                    -1, 0);
  if (area == MAP_FAILED) {
    perror("mmap");
    return 1;
  }

  if (madvise(area, 2 * huge,
              MADV_HUGEPAGE) != 0) {
    perror("madvise");
    return 1;
  }

  area[0] = 'a';

  area[300 * page] = 'b';

  area[huge + 5] = 'c';

  if (munmap(area + 100 * page, page) != 0) {
    perror("munmap");
    return 1;
  }

  if (munmap(area, 2 * huge) != 0) {
    perror("munmap all");
    return 1;
  }
  return 0;
}
