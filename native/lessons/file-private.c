/* file-private.c: a file as memory,
 * written without changing it. */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
  size_t page = sysconf(_SC_PAGESIZE);
  int fd = open("letter.txt",
                O_RDWR | O_CREAT, 0600);
  if (fd < 0 ||
      pwrite(fd, "Dear Ann", 8, 0) < 0 ||
      pwrite(fd, "Yours, Bo", 9, page) < 0 ||
      fsync(fd) != 0) {
    perror("letter.txt");
    return 1;
  }

  /* Page number 2^20, if we may. */
  void *wish = (void *)(page << 20);
  char *letter = mmap(wish, 2 * page,
                      PROT_READ | PROT_WRITE,
                      MAP_PRIVATE, fd, 0);
  if (letter == MAP_FAILED) {
    perror("mmap");
    return 1;
  }

  printf("%.8s\n", letter);

  letter[5] = 'E'; /* Dear Enn */

  char file[9] = "";
  if (pread(fd, file, 8, 0) != 8)
    return 1;
  printf("%s, %.8s\n", file, letter);

  if (pwrite(fd, "Cy", 2, page + 7) < 0)
    return 1;
  printf("%.9s\n", letter + page);

  if (munmap(letter, 2 * page) != 0) {
    perror("munmap");
    return 1;
  }
  return unlink("letter.txt");
}
