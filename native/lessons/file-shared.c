/* file-shared.c: a file as memory,
 * written for everybody to see. */
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
      fsync(fd) != 0) {
    perror("letter.txt");
    return 1;
  }

  /* Page number 2^20, if we may. */
  void *wish = (void *)(page << 20);
  char *letter = mmap(wish, page,
                      PROT_READ | PROT_WRITE,
                      MAP_SHARED, fd, 0);
  if (letter == MAP_FAILED) {
    perror("mmap");
    return 1;
  }

  printf("%.8s\n", letter);

  letter[5] = 'E'; /* Dear Enn */

  char file[9] = "";
  if (pread(fd, file, 8, 0) != 8)
    return 1;
  printf("%s\n", file);

  if (msync(letter, page, MS_SYNC) != 0) {
    perror("msync");
    return 1;
  }

  if (munmap(letter, page) != 0) {
    perror("munmap");
    return 1;
  }

  if (pread(fd, file, 8, 0) != 8)
    return 1;
  printf("%s\n", file);
  return unlink("letter.txt");
}
