/* A world in which things go wrong when the test says so, as a library in front of the C library (LD_PRELOAD): clocks
 * that are turned, a name that is not found, a disk that is full, broken, or cannot be written.
 *
 * The test writes its wishes into a file that is shared memory here (`struct wishes`, `tests/support/faults.rs`).
 * Environment: FAULTS_FILE; FAULTS_DATA, the folder on the faulty disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 65536 };

struct wishes {
    int64_t wall_ns, monotonic_ns;
    int32_t no_dns; /* the name is not found; else it is 127.0.0.1 */
    int32_t disk;   /* what writing fails with, an errno */
};

static const char NAME[] = "gateway.example.test";
static struct wishes none, *wishes = &none;
static char data[4096];
static unsigned char on_disk[FILES];

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("FAULTS_FILE"), *folder = getenv("FAULTS_DATA");
    int fd = file ? (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *shared = mmap(0, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared != MAP_FAILED) wishes = shared;
    if (folder) snprintf(data, sizeof data, "%s", folder);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    int wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    int steady = clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_MONOTONIC_RAW ||
                 clock == CLOCK_BOOTTIME;
    int64_t turned = wall ? wishes->wall_ns : steady ? wishes->monotonic_ns : 0;
    if (!result && turned) {
        int64_t ns = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + turned;
        now->tv_sec = ns / 1000000000;
        now->tv_nsec = ns % 1000000000;
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return result;
}

time_t time(time_t *out) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (out) *out = exact.tv_sec;
    return exact.tv_sec;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
    int ours = name && !strcmp(name, NAME);
    if (ours && wishes->no_dns) return EAI_NONAME;
    return real(ours ? "127.0.0.1" : name, service, hints, found);
}

static int fails(int fd) {
    if (fd < 0 || fd >= FILES || !on_disk[fd] || !wishes->disk) return 0;
    errno = wishes->disk;
    return 1;
}

static int inside(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = data[0] ? readlink(link, path, sizeof path - 1) : -1;
    size_t folder = strlen(data);
    if (length < 0) return 0;
    path[length] = 0;
    return !strncmp(path, data, folder) && path[folder] == '/';
}

int openat(int dir, const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t rights = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(more, int) : 0;
    va_end(more);
    int fd = (int)syscall(SYS_openat, dir, path, flags, rights);
    if (fd < 0 || fd >= FILES) return fd;
    int error = errno;
    on_disk[fd] = (unsigned char)inside(fd);
    errno = error;
    if (wishes->disk != EROFS || (flags & O_ACCMODE) == O_RDONLY || !fails(fd)) return fd;
    syscall(SYS_close, fd);
    on_disk[fd] = 0;
    errno = EROFS;
    return -1;
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t rights = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(more, int) : 0;
    va_end(more);
    return openat(AT_FDCWD, path, flags, rights);
}

int close(int fd) {
    if (fd >= 0 && fd < FILES) on_disk[fd] = 0;
    return (int)syscall(SYS_close, fd);
}

ssize_t write(int fd, const void *from, size_t size) {
    return fails(fd) ? -1 : syscall(SYS_write, fd, from, size);
}

ssize_t writev(int fd, const struct iovec *from, int count) {
    return fails(fd) ? -1 : syscall(SYS_writev, fd, from, count);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t offset) {
    return fails(fd) ? -1 : syscall(SYS_pwrite64, fd, from, size, offset);
}

int ftruncate(int fd, off_t size) {
    return fails(fd) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

/* A full disk can still be synced. */
int fsync(int fd) {
    return wishes->disk == EIO && fails(fd) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    return wishes->disk == EIO && fails(fd) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int dir, const char *path, int flags, ...) __attribute__((alias("openat")));
ssize_t pwrite64(int fd, const void *from, size_t size, off_t offset) __attribute__((alias("pwrite")));
int ftruncate64(int fd, off_t size) __attribute__((alias("ftruncate")));
