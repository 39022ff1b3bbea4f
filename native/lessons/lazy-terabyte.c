/* lazy-terabyte.c: a terabyte, on a
 * machine that has none. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
  size_t page = sysconf(_SC_PAGESIZE);
  size_t tib = (size_t)1 << 40;
  int rw = PROT_READ | PROT_WRITE;
  int how = MAP_PRIVATE | MAP_ANONYMOUS;

  /* Page number 2^20, if we may. */
  void *wish = (void *)(page << 20);

  char *area = mmap(wish, tib, rw,
                    how | MAP_NORESERVE,
                    -1, 0);
  if (area == MAP_FAILED) {
    perror("mmap");
    return 1;
  }

  area[0] = 'a';
  area[tib / 2] = 'b';
  area[tib - 1] = 'c';

  printf("%c%c%c\n", area[0],
         area[tib / 2], area[tib - 1]);

  /* Without MAP_NORESERVE: */
  if (mmap(NULL, tib, rw, how, -1, 0)
      != MAP_FAILED || errno != ENOMEM)
    return 1;

  if (munmap(area, tib) != 0) {
    perror("munmap");
    return 1;
  }
  return 0;
}
