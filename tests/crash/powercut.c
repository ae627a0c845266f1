/* A disk that loses power, as a library in front of the C library (LD_PRELOAD): it stands between the daemon and the
 * files of its data folder, lets everything through, and keeps beside each file what a sync has made durable.
 *
 * What is durable: the octets of a file as of its last fsync or fdatasync; a name as of the last fsync of its folder.
 * After the cut (SIGKILL, by the test or by itself at a given operation) the test puts the folder back to that, and
 * keeps of the rest nothing or a random part of its pages (`power.rs`). Index files (-shm) are memory, not data.
 *
 * What can go wrong: a way of writing that is not seen here. Those that are known are written down in `unseen`, and the
 * test compares every file with its durable image after a clean end.
 *
 * Environment: POWERCUT_DATA (the folder), POWERCUT_STATE (where images are kept), POWERCUT_AT (operation at which the
 * power goes, 0: never), POWERCUT_MODE: "sync"; "never" (no sync counts: synchronous=OFF); "late" (a sync of the log
 * counts when the database is written next: synchronous=NORMAL). Behind SIGUSR1 the power goes after POWERCUT_MORE further
 * operations. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, FILES = 65536, DISK_US = 500 };

/* One file, whatever its names are. */
struct object {
    struct object *next;
    int number, reader, image;
    dev_t dev;
    ino_t ino;
    off_t size;
    unsigned char *dirty; /* one octet per page */
    size_t pages;
    int is_log, pending;
};

/* One name in the folder: the file that it leads to now, and the one that it leads to after a cut. */
struct name {
    struct name *next;
    struct object *live, *kept;
    char path[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int active, root_kept, numbers;
static enum { SYNC, NEVER, LATE } mode;
static volatile unsigned long at, steps, more_steps;
static char data[PATH_MAX], parent[PATH_MAX], state[PATH_MAX];
static struct object *objects, *open_files[FILES];
static struct name *names;

static void broken(const char *what) {
    char line[256];
    int length = snprintf(line, sizeof line, "powercut: %s: %s\n", what, strerror(errno));
    syscall(SYS_write, 2, line, (size_t)length);
    _exit(99);
}

static void state_path(char *out, const char *name, int number) {
    snprintf(out, PATH_MAX + 32, number ? "%s/%s%d" : "%s/%s", state, name, number);
}

static int raw_open(const char *path, int flags) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}

static void unseen(const char *what) {
    char path[PATH_MAX + 32];
    state_path(path, "unseen", 0);
    int fd = raw_open(path, O_WRONLY | O_CREAT | O_APPEND);
    syscall(SYS_write, fd, what, strlen(what));
    syscall(SYS_write, fd, "\n", 1);
    syscall(SYS_close, fd);
}

/* Counts one operation; at the last one the power goes. */
static void step(void) {
    if (++steps >= at && at) {
        syscall(SYS_kill, getpid(), SIGKILL);
        for (;;) pause();
    }
}

/* The table of names, replaced whole. */
static void save(void) {
    char path[PATH_MAX + 32], fresh[PATH_MAX + 32];
    state_path(path, "names", 0);
    state_path(fresh, "names.new", 0);
    int fd = raw_open(fresh, O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0) broken("names");
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "root %d\n", root_kept);
    syscall(SYS_write, fd, line, (size_t)length);
    for (struct name *n = names; n; n = n->next) {
        int kept = n->kept ? n->kept->number : 0, live = n->live ? n->live->number : 0;
        if (!kept && !live) continue;
        length = snprintf(line, sizeof line, "%d %d %s\n", kept, live, n->path);
        syscall(SYS_write, fd, line, (size_t)length);
    }
    syscall(SYS_close, fd);
    if (syscall(SYS_renameat2, AT_FDCWD, fresh, AT_FDCWD, path, 0)) broken("names");
}

static struct name *name_of(const char *path) {
    for (struct name *n = names; n; n = n->next)
        if (!strcmp(n->path, path)) return n;
    struct name *n = calloc(1, sizeof *n + strlen(path) + 1);
    if (!n) broken("memory");
    strcpy(n->path, path);
    n->next = names;
    return names = n;
}

static int ends_with(const char *path, const char *end) {
    size_t length = strlen(path), tail = strlen(end);
    return length >= tail && !strcmp(path + length - tail, end);
}

static void touch(struct object *o, off_t from, off_t to) {
    size_t last = (size_t)((to + PAGE - 1) / PAGE);
    if (last > o->pages) {
        size_t more = last * 2 + 64;
        o->dirty = realloc(o->dirty, more);
        if (!o->dirty) broken("memory");
        memset(o->dirty + o->pages, 0, more - o->pages);
        o->pages = more;
    }
    for (size_t page = (size_t)(from / PAGE); page < last; page++) o->dirty[page] = 1;
    if (to > o->size) o->size = to;
}

/* What a sync does: everything written becomes durable, page after page. */
static void keep(struct object *o) {
    struct stat now;
    if (fstat(o->reader, &now)) broken("fstat");
    if (syscall(SYS_ftruncate, o->image, now.st_size)) broken("image");
    char page[PAGE];
    for (size_t n = 0; n < o->pages && (off_t)(n * PAGE) < now.st_size; n++) {
        if (!o->dirty[n]) continue;
        off_t offset = (off_t)(n * PAGE);
        ssize_t length = pread(o->reader, page, PAGE, offset);
        if (length < 0 || syscall(SYS_pwrite64, o->image, page, (size_t)length, offset) != length) broken("image");
        o->dirty[n] = 0;
    }
    if (o->pages) memset(o->dirty, 0, o->pages);
    o->size = now.st_size;
    o->pending = 0;
}

static struct object *new_object(const char *path, const struct stat *of) {
    struct object *o = calloc(1, sizeof *o);
    if (!o) broken("memory");
    char image[PATH_MAX + 32];
    o->number = ++numbers;
    o->dev = of->st_dev;
    o->ino = of->st_ino;
    o->is_log = ends_with(path, "-wal");
    /* Never closed: closing any descriptor of a file drops the process's locks on it. */
    o->reader = raw_open(path, O_RDONLY);
    state_path(image, "image", o->number);
    o->image = raw_open(image, O_RDWR | O_CREAT | O_TRUNC);
    if (o->reader < 0 || o->image < 0) broken(path);
    touch(o, 0, of->st_size);
    o->next = objects;
    return objects = o;
}

/* Where `path` lies in the data folder; 0: elsewhere, or nothing that is kept. */
static const char *inside(const char *path) {
    size_t length = strlen(data);
    if (strncmp(path, data, length) || path[length] != '/' || ends_with(path, "-shm")) return 0;
    return path + length + 1;
}

/* What `path` is called from the root, links in its folder resolved. */
static int absolute(int dir, const char *path, char *out) {
    char joined[PATH_MAX * 2], folder[PATH_MAX];
    if (path[0] == '/' || dir == AT_FDCWD) {
        snprintf(joined, sizeof joined, "%s", path);
    } else {
        char link[64], base[PATH_MAX];
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
        snprintf(joined, sizeof joined, "%s/%s", base, path);
    }
    char *slash = strrchr(joined, '/');
    const char *last = slash ? slash + 1 : joined;
    char name[NAME_MAX + 1];
    if (strlen(last) >= sizeof name) return 0;
    strcpy(name, last);
    if (slash == joined) slash[1] = 0; else if (slash) *slash = 0;
    if (!realpath(slash ? joined : ".", folder)) return 0;
    return snprintf(out, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

static int path_of(int fd, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    if (length < 0) return 0;
    out[length] = 0;
    return 1;
}

static void scan(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[PATH_MAX];
        struct stat found;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= PATH_MAX || lstat(path, &found)) continue;
        if (S_ISDIR(found.st_mode)) scan(path);
        const char *relative = inside(path);
        if (!S_ISREG(found.st_mode) || !relative) continue;
        struct object *o = new_object(path, &found);
        keep(o);
        struct name *n = name_of(relative);
        n->live = n->kept = o;
    }
    closedir(dir);
}

static void soon(int signal) {
    (void)signal;
    at = steps + more_steps;
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("POWERCUT_DATA"), *kept = getenv("POWERCUT_STATE");
    const char *when = getenv("POWERCUT_AT"), *how = getenv("POWERCUT_MODE");
    const char *more = getenv("POWERCUT_MORE");
    if (!folder || !kept) return;
    snprintf(data, sizeof data, "%s", folder);
    snprintf(state, sizeof state, "%s", kept);
    snprintf(parent, sizeof parent, "%s", folder);
    char *slash = strrchr(parent, '/');
    if (slash) *slash = 0;
    at = when ? strtoul(when, 0, 10) : 0;
    more_steps = more ? strtoul(more, 0, 10) : 0;
    if (more_steps) signal(SIGUSR1, soon);
    mode = how && !strcmp(how, "never") ? NEVER : how && !strcmp(how, "late") ? LATE : SYNC;
    struct stat found;
    root_kept = !stat(data, &found);
    scan(data);
    save();
    active = 1;
}

static void opened(int fd, int flags) {
    char path[PATH_MAX];
    struct stat found;
    const char *relative;
    if (!active || fd < 0 || fd >= FILES || !path_of(fd, path) || !(relative = inside(path))) return;
    if (fstat(fd, &found) || !S_ISREG(found.st_mode)) return;
    pthread_mutex_lock(&lock);
    struct name *n = name_of(relative);
    if (!n->live || n->live->ino != found.st_ino || n->live->dev != found.st_dev) {
        n->live = new_object(path, &found);
        save();
        step();
    }
    if (flags & O_TRUNC) touch(n->live, 0, n->live->size);
    open_files[fd] = n->live;
    pthread_mutex_unlock(&lock);
}

static struct object *of(int fd) {
    return active && fd >= 0 && fd < FILES ? open_files[fd] : 0;
}

int openat(int dir, const char *path, int flags, ...) {
    mode_t rights = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list more;
        va_start(more, flags);
        rights = (mode_t)va_arg(more, int);
        va_end(more);
    }
    int fd = (int)syscall(SYS_openat, dir, path, flags, rights);
    int error = errno;
    opened(fd, flags);
    errno = error;
    return fd;
}

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t rights = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(more, int) : 0;
    va_end(more);
    return openat(AT_FDCWD, path, flags, rights);
}

int creat(const char *path, mode_t rights) {
    return openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, rights);
}

int close(int fd) {
    if (of(fd)) open_files[fd] = 0;
    return (int)syscall(SYS_close, fd);
}

/* Before a write: an operation; and what a late sync of the log waited for has come. */
static struct object *writing(int fd) {
    struct object *o = of(fd);
    if (!o) return 0;
    pthread_mutex_lock(&lock);
    step();
    for (struct object *other = objects; mode == LATE && !o->is_log && other; other = other->next)
        if (other->pending) keep(other);
    return o;
}

static ssize_t written(struct object *o, ssize_t length, off_t offset) {
    int error = errno;
    if (length > 0) touch(o, offset, offset + length);
    pthread_mutex_unlock(&lock);
    errno = error;
    return length;
}

/* Where a write without an offset has gone. */
static off_t place(int fd, ssize_t length) {
    return lseek(fd, 0, SEEK_CUR) - (length > 0 ? length : 0);
}

ssize_t write(int fd, const void *from, size_t size) {
    struct object *o = writing(fd);
    ssize_t length = syscall(SYS_write, fd, from, size);
    return o ? written(o, length, place(fd, length)) : length;
}

ssize_t writev(int fd, const struct iovec *from, int count) {
    struct object *o = writing(fd);
    ssize_t length = syscall(SYS_writev, fd, from, count);
    return o ? written(o, length, place(fd, length)) : length;
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t offset) {
    struct object *o = writing(fd);
    ssize_t length = syscall(SYS_pwrite64, fd, from, size, offset);
    return o ? written(o, length, offset) : length;
}

ssize_t pwritev(int fd, const struct iovec *from, int count, off_t offset) {
    if (of(fd)) unseen("pwritev");
    return syscall(SYS_pwritev, fd, from, count, offset, 0);
}

ssize_t copy_file_range(int in, off_t *from, int out, off_t *to, size_t length, unsigned flags) {
    if (of(out)) unseen("copy_file_range");
    return syscall(SYS_copy_file_range, in, from, out, to, length, flags);
}

int ftruncate(int fd, off_t size) {
    struct object *o = writing(fd);
    int result = (int)syscall(SYS_ftruncate, fd, size);
    if (!o) return result;
    /* What is cut off may come again as zeros. */
    if (!result && size < o->size) touch(o, size, o->size);
    written(o, 0, 0);
    return result;
}

int fallocate(int fd, int how, off_t offset, off_t length) {
    struct object *o = writing(fd);
    int result = (int)syscall(SYS_fallocate, fd, how, offset, length);
    if (o) written(o, result ? 0 : (ssize_t)length, offset);
    return result;
}

int posix_fallocate(int fd, off_t offset, off_t length) {
    return fallocate(fd, 0, offset, length) ? errno : 0;
}

void *mmap(void *where, size_t length, int rights, int flags, int fd, off_t offset) {
    if (of(fd) && (rights & PROT_WRITE) && (flags & MAP_SHARED)) unseen("mmap");
    return (void *)syscall(SYS_mmap, where, length, rights, flags, fd, offset);
}

/* Names of the folder that `fd` is become durable. */
static void folder_synced(int fd) {
    char path[PATH_MAX];
    struct stat found;
    if (!active || fstat(fd, &found) || !S_ISDIR(found.st_mode) || !path_of(fd, path)) return;
    size_t length = strlen(data);
    int is_parent = !strcmp(path, parent), is_data = !strcmp(path, data);
    if (!is_parent && !is_data && (strncmp(path, data, length) || path[length] != '/')) return;
    pthread_mutex_lock(&lock);
    step();
    if (mode != NEVER) {
        const char *below = is_data || is_parent ? "" : path + length + 1;
        if (is_parent) root_kept = 1;
        for (struct name *n = names; n && !is_parent; n = n->next) {
            const char *slash = strrchr(n->path, '/');
            size_t folder = slash ? (size_t)(slash - n->path) : 0;
            if (strlen(below) == folder && !strncmp(n->path, below, folder)) n->kept = n->live;
        }
        save();
    }
    step();
    pthread_mutex_unlock(&lock);
}

static int synced(int fd, long call) {
    struct object *o = of(fd);
    if (!o) {
        folder_synced(fd);
        return active ? 0 : (int)syscall(call, fd);
    }
    pthread_mutex_lock(&lock);
    step();
    usleep(DISK_US);
    if (mode == SYNC || (mode == LATE && !o->is_log)) keep(o);
    else o->pending = mode == LATE;
    step();
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int fd) {
    return synced(fd, SYS_fsync);
}

int fdatasync(int fd) {
    return synced(fd, SYS_fdatasync);
}

int unlinkat(int dir, const char *path, int flags) {
    char whole[PATH_MAX];
    const char *relative = active && absolute(dir, path, whole) ? inside(whole) : 0;
    if (!relative) return (int)syscall(SYS_unlinkat, dir, path, flags);
    pthread_mutex_lock(&lock);
    step();
    int result = (int)syscall(SYS_unlinkat, dir, path, flags), error = errno;
    if (!result) {
        name_of(relative)->live = 0;
        save();
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int unlink(const char *path) {
    return unlinkat(AT_FDCWD, path, 0);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char from_whole[PATH_MAX], to_whole[PATH_MAX];
    const char *old = active && absolute(from_dir, from, from_whole) ? inside(from_whole) : 0;
    const char *new = active && absolute(to_dir, to, to_whole) ? inside(to_whole) : 0;
    if (!old && !new) return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    pthread_mutex_lock(&lock);
    step();
    int result = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags), error = errno;
    if (!result) {
        struct object *moved = old ? name_of(old)->live : 0;
        if (old) name_of(old)->live = 0;
        if (new) name_of(new)->live = moved;
        struct stat found;
        if (new && !moved && !lstat(to_whole, &found) && S_ISREG(found.st_mode)) unseen("a file from elsewhere");
        save();
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int rename(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
    return renameat2(from_dir, from, to_dir, to, 0);
}

/* The same under the names for large files. */
int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int dir, const char *path, int flags, ...) __attribute__((alias("openat")));
int creat64(const char *path, mode_t rights) __attribute__((alias("creat")));
ssize_t pwrite64(int fd, const void *from, size_t size, off_t offset) __attribute__((alias("pwrite")));
ssize_t pwritev64(int fd, const struct iovec *from, int count, off_t offset) __attribute__((alias("pwritev")));
int ftruncate64(int fd, off_t size) __attribute__((alias("ftruncate")));
int fallocate64(int fd, int how, off_t offset, off_t length) __attribute__((alias("fallocate")));
int posix_fallocate64(int fd, off_t offset, off_t length) __attribute__((alias("posix_fallocate")));
void *mmap64(void *where, size_t length, int rights, int flags, int fd, off_t offset) __attribute__((alias("mmap")));
