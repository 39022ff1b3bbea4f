/* use-after-munmap.c: a pointer that
 * outlives what it points to. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static sigjmp_buf back;

static void on_segv(int sig)
{
  (void)sig;
  siglongjmp(back, 1);
}

static char *map(void)
{
  size_t page = sysconf(_SC_PAGESIZE);
  /* Page number 2^20, if we may. */
  void *wish = (void *)(page << 20);
  char *to = mmap(wish, page,
                  PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS,
                  -1, 0);
  if (to == MAP_FAILED) {
    perror("mmap");
    _exit(1);
  }
  return to;
}

int main(void)
{
  signal(SIGSEGV, on_segv);

  char *old = map();
  strcpy(old, "my letter");

  munmap(old, sysconf(_SC_PAGESIZE));

  if (sigsetjmp(back, 1) == 0)
    printf("%c\n", *(volatile char *)old);
  else
    puts("Segmentation fault");

  char *other = map();
  strcpy(other, "your diary");

  printf("%s\n", old);

  strcpy(old, "my letter");
  printf("%s\n", other);
  return 0;
}
