/* page-cache.c: one file mapped three
 * times; its pages are there once. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page;

static char *map(int fd, int at, int how)
{
  /* Page number 2^20 on, if we may. */
  char *wish = (char *)(page << 20);
  char *to = mmap(wish + at * page, page,
                  PROT_READ | PROT_WRITE,
                  how, fd, 0);
  if (to == MAP_FAILED) {
    perror("mmap");
    _exit(1);
  }
  return to;
}

int main(void)
{
  page = sysconf(_SC_PAGESIZE);
  int fd = open("letter.txt",
                O_RDWR | O_CREAT, 0600);
  if (fd < 0 ||
      pwrite(fd, "one", 3, 0) != 3 ||
      fsync(fd) != 0) {
    perror("letter.txt");
    return 1;
  }

  char *a = map(fd, 0, MAP_SHARED);
  char *b = map(fd, 2, MAP_SHARED);

  printf("%.3s %.3s\n", a, b);

  a[0] = 'O';
  printf("%.3s\n", b);

  char *c = map(fd, 4, MAP_PRIVATE);
  printf("%.3s\n", c);

  c[1] = 'N';
  printf("%.3s %.3s\n", a, c);

  munmap(a, page);
  munmap(b, page);
  munmap(c, page);

  a = map(fd, 0, MAP_SHARED);
  printf("%.3s\n", a);
  return unlink("letter.txt");
}
