/* split-merge.c: one mapping becomes
 * two, and two become one. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void check(int bad, const char *what)
{
  if (bad) {
    perror(what);
    _exit(1);
  }
}

int main(void)
{
  size_t page = sysconf(_SC_PAGESIZE);
  int rw = PROT_READ | PROT_WRITE;
  int how = MAP_PRIVATE | MAP_ANONYMOUS;

  /* Page number 2^20, if we may. */
  char *wish = (char *)(page << 20);
  char *area = mmap(wish, 5 * page,
                    rw, how, -1, 0);
  check(area == MAP_FAILED, "mmap");

  for (int i = 0; i < 5; i++)
    area[i * page] = '0' + i;

  char *hole = area + 2 * page;
  check(munmap(hole, page), "munmap");

  void *back = mmap(hole, page,
                    rw, how, -1, 0);
  check(back != hole, "mmap again");

  printf("page 2: %d\n", hole[0]);

  check(mprotect(area + page, page,
                 PROT_READ), "read-only");

  check(mprotect(area + page, page,
                 rw), "writable again");

  check(munmap(area, 5 * page), "all");
  return 0;
}
