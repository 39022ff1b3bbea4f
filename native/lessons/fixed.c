/* fixed.c: who insists on an address
 * gets it, whatever is there. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static char *map(char *at, size_t len,
                 int rights, int flags)
{
  return mmap(at, len, rights,
              flags | MAP_PRIVATE |
              MAP_ANONYMOUS, -1, 0);
}

int main(void)
{
  size_t page = sysconf(_SC_PAGESIZE);
  int rw = PROT_READ | PROT_WRITE;

  /* Page number 2^20, if we may. */
  char *wish = (char *)(page << 20);
  char *area = map(wish, 4 * page, rw, 0);
  if (area == MAP_FAILED) {
    perror("mmap");
    return 1;
  }
  for (int i = 0; i < 4; i++)
    area[i * page] = 'a' + i;

  char *other = map(area, page,
                    PROT_READ, 0);
  if (other == MAP_FAILED || other == area)
    return 1;

  char *over = map(area + page, 2 * page,
                   rw, MAP_FIXED);
  if (over != area + page)
    return 1;

  printf("%d %c\n", over[0], area[3 * page]);

  void *polite = map(area, page, rw,
                     MAP_FIXED_NOREPLACE);
  if (polite != MAP_FAILED ||
      errno != EEXIST)
    return 1;

  printf("%c\n", area[0]);
  return 0;
}
