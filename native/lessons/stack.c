/* stack.c: the stack is a mapping that
 * grows by itself, up to a limit. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

static sigjmp_buf back;
static char other[1 << 16];

/* Keeps 4,096 bytes on the stack. */
static int deep(int calls)
{
  volatile char page[4096];
  page[0] = 1;
  return calls > 1
    ? deep(calls - 1) + page[0] : 1;
}

static void on_segv(int sig)
{
  (void)sig;
  siglongjmp(back, 1);
}

int main(void)
{
  /* A stack for the handler itself. */
  stack_t spare = {
    .ss_sp = other,
    .ss_size = sizeof other,
  };
  sigaltstack(&spare, NULL);
  struct sigaction act = {
    .sa_handler = on_segv,
    .sa_flags = SA_ONSTACK,
  };
  sigaction(SIGSEGV, &act, NULL);

  printf("%d\n", deep(8));

  printf("%d\n", deep(60));

  puts("back in main");

  struct rlimit half_mib = {
    1 << 19, 1 << 19,
  };
  setrlimit(RLIMIT_STACK, &half_mib);

  if (sigsetjmp(back, 1) == 0)
    printf("%d\n", deep(1 << 20));
  else
    puts("too deep");
  return 0;
}
