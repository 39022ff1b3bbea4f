/* shared-memory.c: two processes write
 * to each other, with no call at all. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char *map(char *wish, size_t len,
                 int how)
{
  char *to = mmap(wish, len,
                  PROT_READ | PROT_WRITE,
                  how | MAP_ANONYMOUS, -1, 0);
  if (to == MAP_FAILED) {
    perror("mmap");
    _exit(1);
  }
  return to;
}

int main(void)
{
  size_t page = sysconf(_SC_PAGESIZE);

  /* Page number 2^20, if we may. */
  char *wish = (char *)(page << 20);
  char *ours = map(wish, page, MAP_SHARED);
  char *mine = map(wish + 2 * page, page,
                   MAP_PRIVATE);
  strcpy(ours, "empty");
  strcpy(mine, "empty");

  pid_t child = fork();
  if (child < 0) {
    perror("fork");
    return 1;
  }
  if (child == 0) {
    strcpy(ours, "hello, mother");
    strcpy(mine, "for nobody");
    usleep(300 * 1000);
    _exit(strcmp(ours, "hello, child"));
  }

  usleep(100 * 1000); /* child first */
  printf("%s\n", ours);
  printf("%s\n", mine);
  strcpy(ours, "hello, child");

  int status = 1;
  waitpid(child, &status, 0);
  printf("%s\n", ours);
  return status;
}
