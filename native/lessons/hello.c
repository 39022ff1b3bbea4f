/* hello.c: one page of memory,
 * asked for, used, given back. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
  size_t size = sysconf(_SC_PAGESIZE);
  printf("System page size: %zu bytes\n",
         size);

  /* Page number 2^20, if we may. */
  void *hint = (void *)(size << 20);
  char *page = mmap(hint, size,
                    PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS,
                    -1, 0);
  if (page == MAP_FAILED) {
    perror("mmap");
    return 1;
  }

  strcpy(page, "Hello, world!");
  printf("Contents of region: %s\n", page);

  /* 1,024 bytes asked: the page goes. */
  if (munmap(page, 1 << 10) != 0) {
    perror("munmap");
    return 1;
  }
  return 0;
}
