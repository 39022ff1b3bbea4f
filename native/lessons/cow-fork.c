/* cow-fork.c: fork copies everything,
 * and nearly nothing is copied. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
  size_t page = sysconf(_SC_PAGESIZE);

  /* Page number 2^20, if we may. */
  void *wish = (void *)(page << 20);
  char *area = mmap(wish, 4 * page,
                    PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS,
                    -1, 0);
  if (area == MAP_FAILED) {
    perror("mmap");
    return 1;
  }

  for (int i = 0; i < 4; i++)
    area[i * page] = 'A' + i;

  pid_t child = fork();
  if (child < 0) {
    perror("fork");
    return 1;
  }
  if (child == 0) {
    char first = area[0];
    area[1 * page] = 'b';
    usleep(300 * 1000);
    _exit(first != 'A');
  }

  usleep(100 * 1000); /* child first */
  putchar(area[1 * page]);
  area[1 * page] = 'p';
  area[2 * page] = 'q';

  waitpid(child, NULL, 0);
  area[3 * page] = 'r';
  putchar('\n');
  return 0;
}
