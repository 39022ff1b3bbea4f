/* errors.c: the kernel says no, and
 * says why. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void no(int failed)
{
  puts(failed ? strerror(errno) : "done");
}

int main(void)
{
  size_t page = sysconf(_SC_PAGESIZE);

  /* Page number 2^20, if we may. */
  char *wish = (char *)(page << 20);
  char *area = mmap(wish, 2 * page, RW,
                    ANON, -1, 0);
  no(area == MAP_FAILED);

  no(mmap(NULL, 0, RW, ANON, -1, 0)
     == MAP_FAILED);

  no(munmap(area + 100, page));

  no(mmap(NULL, (size_t)1 << 47, RW, ANON,
          -1, 0) == MAP_FAILED);

  no(mprotect(area, 3 * page, PROT_READ));

  no(mmap(NULL, page, RW, MAP_PRIVATE,
          -1, 0) == MAP_FAILED);

  int fd = open("letter.txt",
                O_RDONLY | O_CREAT, 0600);
  no(mmap(NULL, page, RW, MAP_SHARED,
          fd, 0) == MAP_FAILED);
  unlink("letter.txt");

  no(munmap(area, 2 * page));
  return 0;
}
