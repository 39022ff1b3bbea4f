/* zero-page.c: memory that is read
 * before it is written. */
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

  int sum = area[0];

  for (int i = 1; i < 8; i++)
    sum += area[i * page];

  area[3 * page] = 'X';

  sum += area[4 * page];
  printf("%d\n", sum);

  if (munmap(area, 8 * page) != 0) {
    perror("munmap");
    return 1;
  }
  return 0;
}
