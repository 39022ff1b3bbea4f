// What recorders are measured on: one thing for each name that is given as the first argument.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096ul

static char *map(size_t pages) {
    char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return at;
}

static void touch(char *at, size_t pages) {
    for (size_t i = 0; i < pages; i++) at[i * PAGE] = 1;
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    long number = argc > 2 ? atol(argv[2]) : 0;
    if (!strcmp(name, "storm")) {
        for (long i = 0; i < number; i++) {
            char *at = map(16);
            touch(at, 4);
            if (munmap(at, 16 * PAGE)) return 1;
        }
    } else if (!strcmp(name, "touch")) {
        char *at = map((size_t)number);
        // Page by page, whatever the machine would rather do.
        madvise(at, (size_t)number * PAGE, MADV_NOHUGEPAGE);
        touch(at, (size_t)number);
    } else if (!strcmp(name, "getppid")) {
        for (long i = 0; i < number; i++) syscall(SYS_getppid);
    } else {
        fprintf(stderr, "%s?\n", name);
        return 1;
    }
    return 0;
}
