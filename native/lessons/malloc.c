/* malloc.c: what the C library asks
 * the kernel for, and when. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *need(size_t bytes)
{
  void *block = malloc(bytes);
  if (block == NULL) {
    perror("malloc");
    _exit(1);
  }
  return block;
}

int main(void)
{
  size_t page = sysconf(_SC_PAGESIZE);
  char *end = sbrk(0);

  char *small = need(100);
  strcpy(small, "Hello");
  printf("%s\n", small);

  /* Until the heap is full: */
  while (sbrk(0) == end)
    need(100 << 10);

  char *big = need(1 << 20);
  printf("%zu\n", (size_t)big % page);

  big[0] = 'x';

  free(big);

  free(small);

  char *again = need(1 << 20);
  again[0] = 'y';
  return 0;
}
