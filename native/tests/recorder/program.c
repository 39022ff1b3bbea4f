// What the recorder is tried on: one thing for each name that is given as the first argument.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define MIB (1ul << 20)

static char *map(size_t bytes, int protection) {
    char *at = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        perror("mmap");
        exit(99);
    }
    return at;
}

static void touch(char *at, size_t pages) {
    for (size_t i = 0; i < pages; i++) at[i * PAGE] = 1;
}

// The part of memory that the test looks at.
static void told(const void *at, size_t bytes) {
    printf("%p %zu\n", at, bytes);
    fflush(stdout);
}

static long faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

static void *touch_own(void *part) {
    touch(part, 256);
    return NULL;
}

static void *map_and_unmap(void *times) {
    for (intptr_t i = 0; i < (intptr_t)times; i++) {
        char *at = map(4 * PAGE, PROT_READ | PROT_WRITE);
        touch(at, 2);
        munmap(at, 4 * PAGE);
    }
    return NULL;
}

static void *become(void *nothing) {
    (void)nothing;
    execl("/bin/echo", "echo", "became", NULL);
    return NULL;
}

static void threads(int count, void *(*work)(void *), char *part, intptr_t number) {
    pthread_t all[256];
    for (int i = 0; i < count; i++)
        pthread_create(&all[i], NULL, work, part ? (void *)(part + (size_t)i * MIB) : (void *)number);
    for (int i = 0; i < count; i++) pthread_join(all[i], NULL);
}

static void storm(long times) {
    for (long i = 0; i < times; i++) {
        char *at = map(16 * PAGE, PROT_READ | PROT_WRITE);
        touch(at, 4);
        munmap(at, 16 * PAGE);
    }
}

// How many pages are swapped out, as the kernel says: see proc_pid_pagemap(5).
static size_t swapped(const char *at, size_t pages) {
    uint64_t entries[64];
    FILE *pagemap = fopen("/proc/self/pagemap", "r");
    fseek(pagemap, (long)((uintptr_t)at / PAGE * 8), SEEK_SET);
    size_t got = fread(entries, 8, pages, pagemap), count = 0;
    fclose(pagemap);
    for (size_t i = 0; i < got; i++) count += entries[i] >> 62 & 1;
    return count;
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    long number = argc > 2 ? atol(argv[2]) : 0;
    if (!strcmp(name, "sbrk")) {
        told(sbrk(64 * MIB), 64 * MIB);
    } else if (!strcmp(name, "none-then-write")) {
        char *at = map(8 * MIB, PROT_NONE);
        mprotect(at, 8 * MIB, PROT_READ | PROT_WRITE);
        touch(at, 8 * MIB / PAGE);
        told(at, 8 * MIB);
    } else if (!strcmp(name, "fixed")) {
        char *at = map(64 * PAGE, PROT_READ | PROT_WRITE);
        touch(at, 64);
        mmap(at + 16 * PAGE, 16 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        mmap(at, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        touch(at, 2);
        told(at, 64 * PAGE);
    } else if (!strcmp(name, "failing-unmap")) {
        char *at = map(64 * PAGE, PROT_READ | PROT_WRITE);
        touch(at, 64);
        if (munmap(at + 1, 64 * PAGE) == 0) return 1;
        told(at, 64 * PAGE);
    } else if (!strcmp(name, "read-only")) {
        char *at = map(8 * MIB, PROT_READ);
        long sum = 0;
        for (size_t i = 0; i < 8 * MIB; i += PAGE) sum += at[i];
        if (sum) return 1;
        told(at, 8 * MIB);
    } else if (!strcmp(name, "swap")) {
        char *at = map(64 * PAGE, PROT_READ | PROT_WRITE);
        madvise(at, 64 * PAGE, MADV_NOHUGEPAGE);
        for (size_t i = 0; i < 64 * PAGE; i++) at[i] = (char)(i * i >> 7);
        told(at, 64 * PAGE);
        madvise(at, 64 * PAGE, MADV_PAGEOUT);
        printf("%zu\n", swapped(at, 64));
        usleep(200000);
        touch(at, 32);
        printf("%zu\n", swapped(at, 64));
    } else if (!strcmp(name, "policy")) {
        // Nothing in /proc/PID/maps tells why what has a policy of its own is a mapping of its own.
        char *at = map(64 * PAGE, PROT_READ | PROT_WRITE);
        touch(at, 64);
        unsigned long nodes = 1;
        if (syscall(SYS_mbind, at + 16 * PAGE, 16 * PAGE, 2, &nodes, 64, 0)) return 77;
        told(at, 64 * PAGE);
    } else if (!strcmp(name, "odd-lengths")) {
        char *at = map(3 * PAGE + 5, PROT_READ | PROT_WRITE);
        touch(at, 4);
        munmap(at + PAGE, 1024);
        told(at, 4 * PAGE);
    } else if (!strcmp(name, "threads")) {
        char *at = map(4 * MIB, PROT_READ | PROT_WRITE);
        madvise(at, 4 * MIB, MADV_NOHUGEPAGE);
        threads(4, touch_own, at, 0);
        told(at, 4 * MIB);
        printf("%ld\n", faults());
    } else if (!strcmp(name, "segv")) {
        char *at = map(2 * PAGE, PROT_READ | PROT_WRITE);
        mprotect(at + PAGE, PAGE, PROT_NONE);
        told(at, 2 * PAGE);
        at[PAGE + 8] = 1;
    } else if (!strcmp(name, "exit")) {
        return (int)number;
    } else if (!strcmp(name, "fork-while-mapping")) {
        pthread_t others[3];
        for (int i = 0; i < 3; i++) pthread_create(&others[i], NULL, map_and_unmap, (void *)(intptr_t)300);
        for (int i = 0; i < number; i++) {
            if (fork() == 0) {
                map_and_unmap((void *)1);
                _exit(7);
            }
            int status;
            if (wait(&status) < 0 || WEXITSTATUS(status) != 7) return 1;
        }
        for (int i = 0; i < 3; i++) pthread_join(others[i], NULL);
    } else if (!strcmp(name, "copy")) {
        char *at = map(8 * PAGE, PROT_READ | PROT_WRITE);
        touch(at, 8);
        told(at, 8 * PAGE);
        if (fork() == 0) {
            touch(at, 3);
            _exit(0);
        }
        wait(NULL);
    } else if (!strcmp(name, "exec-from-thread")) {
        pthread_t other;
        pthread_create(&other, NULL, become, NULL);
        pthread_join(other, NULL);
    } else if (!strcmp(name, "shm")) {
        int id = shmget(IPC_PRIVATE, 16 * PAGE, 0600 | IPC_CREAT);
        char *first = shmat(id, NULL, 0);
        touch(first, 4);
        munmap(first + 8 * PAGE, PAGE);
        char *second = shmat(id, NULL, 0);
        if (shmdt(first)) return 1;
        shmctl(id, IPC_RMID, NULL);
        told(second, 16 * PAGE);
    } else if (!strcmp(name, "many-threads")) {
        threads((int)number, map_and_unmap, NULL, 5);
    } else if (!strcmp(name, "many-forks")) {
        for (int i = 0; i < number; i++) {
            if (fork() == 0) _exit(0);
            if (i % 16 == 15)
                while (wait(NULL) > 0) {}
        }
        while (wait(NULL) > 0) {}
    } else if (!strcmp(name, "many-mappings")) {
        // Neighbours that differ do not become one.
        char *at = map((size_t)number * PAGE, PROT_NONE);
        for (long i = 0; i < number; i += 2)
            if (mprotect(at + i * PAGE, PAGE, PROT_READ)) return 1;
        told(at, (size_t)number * PAGE);
    } else if (!strcmp(name, "storm")) {
        storm(number);
    } else if (!strcmp(name, "late-storm")) {
        char *at = map(16 * PAGE, PROT_READ | PROT_WRITE);
        told(at, 16 * PAGE);
        usleep(500000);
        storm(number);
        touch(at, 7);
        printf("done\n");
        fflush(stdout);
        char byte;
        while (read(0, &byte, 1) > 0) {}
    } else if (!strcmp(name, "steady")) {
        for (;;) {
            map_and_unmap((void *)1);
            usleep(1000);
        }
    } else if (!strcmp(name, "until-told")) {
        // Maps until its input ends, then says how often; with a thread beside it.
        char *at = map(16 * PAGE, PROT_READ | PROT_WRITE);
        touch(at, 5);
        told(at, 16 * PAGE);
        pthread_t other;
        pthread_create(&other, NULL, map_and_unmap, (void *)(intptr_t)1000000000);
        char byte;
        while (read(0, &byte, 1) > 0) {}
        printf("done\n");
    } else {
        fprintf(stderr, "%s?\n", name);
        return 98;
    }
    return 0;
}
