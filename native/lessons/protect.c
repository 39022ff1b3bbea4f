/* protect.c: a page that may not be
 * written, and who hears of it. */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)

static size_t page;
static char *area;
static char *touched;

static void on_segv(int sig,
                    siginfo_t *info, void *c)
{
  (void)sig;
  (void)c;
  touched = info->si_addr;
  if (mprotect(area + page, page, RW) != 0)
    _exit(1);
} /* and the write is tried again */

int main(void)
{
  page = sysconf(_SC_PAGESIZE);
  struct sigaction act = {
    .sa_sigaction = on_segv,
    .sa_flags = SA_SIGINFO,
  };
  sigaction(SIGSEGV, &act, NULL);

  /* Page number 2^20, if we may. */
  void *wish = (void *)(page << 20);
  area = mmap(wish, 3 * page, RW,
              MAP_PRIVATE | MAP_ANONYMOUS,
              -1, 0);
  if (area == MAP_FAILED) {
    perror("mmap");
    return 1;
  }
  for (int i = 0; i < 3; i++)
    area[i * page] = 'a' + i;

  if (mprotect(area + page, page,
               PROT_READ) != 0) {
    perror("mprotect");
    return 1;
  }

  printf("%c\n", area[page]);

  area[page + 1] = 'X';

  printf("%c at byte %td\n", area[page + 1],
         touched - area);
  return 0;
}
