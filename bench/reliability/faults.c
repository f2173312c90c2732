// A disk that fails or loses power, by LD_PRELOAD: `octomed_faults_plan` says what happens to which call, below one folder.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
    char folder[PATH_MAX];
    char calls[128];   // names, each between commas
    int error;         // 0: a write takes half
    long nth;          // the call that fails, from 1
    int lasting;       // whether all later ones fail as well
    int journal;       // descriptor that lines are written to, -1 for none
    char attic[PATH_MAX];
    long kept;
    long count;
} plan = {.journal = -1};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void octomed_faults_plan(const char *folder, const char *calls, int error, long nth, int lasting) {
    snprintf(plan.folder, sizeof plan.folder, "%s", folder);
    snprintf(plan.calls, sizeof plan.calls, ",%s,", calls);
    plan.error = error, plan.nth = nth, plan.lasting = lasting, plan.count = 0;
}

void octomed_faults_journal(const char *folder, int journal, const char *attic) {
    snprintf(plan.folder, sizeof plan.folder, "%s", folder);
    snprintf(plan.attic, sizeof plan.attic, "%s", attic);
    plan.journal = journal;
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static int inside(const char *path) {
    size_t length = strlen(plan.folder);
    return length && strncmp(path, plan.folder, length) == 0;
}

// The path of a descriptor, or of a name below one; whether it is inside the folder.
static int place(int descriptor, const char *name, char *out) {
    char link[64];
    if (!*plan.folder) return 0;
    if (name && *name == '/') {
        snprintf(out, PATH_MAX, "%s", name);
        return inside(out);
    }
    if (descriptor == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    if (length < 0) return 0;
    out[length] = 0;
    if (name) snprintf(out + length, PATH_MAX - length, "/%s", name);
    return inside(out);
}

static int fails(const char *call) {
    char name[32];
    snprintf(name, sizeof name, ",%s,", call);
    if (!plan.nth || !strstr(plan.calls, name)) return 0;
    long count = __atomic_add_fetch(&plan.count, 1, __ATOMIC_SEQ_CST);
    return count == plan.nth || (plan.lasting && count > plan.nth);
}

static void note(const char *what, const char *path, const char *other) {
    char line[2 * PATH_MAX + 64];
    if (plan.journal < 0) return;
    int length = snprintf(line, sizeof line, "%s\t%s\t%s\n", what, path, other);
    int saved = errno;
    if (REAL(write)(plan.journal, line, length) != length) abort();
    errno = saved;
}

// What is about to lose its name stays under another: a power cut may bring it back.
static void keep(const char *path, char *kept) {
    kept[0] = 0;
    if (plan.journal < 0) return;
    char attic[PATH_MAX + 32];
    snprintf(attic, sizeof attic, "%s/%ld", plan.attic, __atomic_add_fetch(&plan.kept, 1, __ATOMIC_SEQ_CST));
    if (link(path, attic) == 0) snprintf(kept, PATH_MAX, "%s", attic);
}

#define GUARD(call, descriptor, name)                                          \
    char path[PATH_MAX];                                                       \
    int ours = place(descriptor, name, path);                                  \
    if (ours && fails(call)) return errno = plan.error, -1;

static int opened(int directory, const char *name, int flags, mode_t mode, const char *symbol) {
    int (*open_at)(int, const char *, int, ...) = real(symbol);
    int writes = (flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT;
    char path[PATH_MAX];
    int ours = place(directory, name, path);
    if (ours && (fails("open") || (writes && fails("create")))) return errno = plan.error, -1;
    int exists = ours && plan.journal >= 0 && access(path, F_OK) == 0;
    int descriptor = open_at(directory, name, flags, mode);
    if (descriptor >= 0 && ours && writes && !exists) note("create", path, "");
    if (descriptor >= 0 && ours && exists && flags & O_TRUNC) note("write", path, "");
    return descriptor;
}

#define MODE mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }
int open(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode, "openat"); }
int open64(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode, "openat64"); }
int openat(int directory, const char *name, int flags, ...) { MODE return opened(directory, name, flags, mode, "openat"); }
int openat64(int directory, const char *name, int flags, ...) { MODE return opened(directory, name, flags, mode, "openat64"); }

#define WRITE(call, descriptor, all, half)                                     \
    char path[PATH_MAX];                                                       \
    int ours = place(descriptor, NULL, path);                                  \
    if (ours && fails("write")) {                                              \
        if (plan.error) return errno = plan.error, -1;                         \
        return half;                                                           \
    }                                                                          \
    if (ours) note("write", path, "");                                         \
    return all;

ssize_t write(int descriptor, const void *bytes, size_t count) {
    WRITE("write", descriptor, REAL(write)(descriptor, bytes, count), REAL(write)(descriptor, bytes, (count + 1) / 2))
}
ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t at) {
    WRITE("write", descriptor, REAL(pwrite)(descriptor, bytes, count, at), REAL(pwrite)(descriptor, bytes, (count + 1) / 2, at))
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t at) {
    WRITE("write", descriptor, REAL(pwrite64)(descriptor, bytes, count, at), REAL(pwrite64)(descriptor, bytes, (count + 1) / 2, at))
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    WRITE("write", descriptor, REAL(writev)(descriptor, parts, count), REAL(writev)(descriptor, parts, (count + 1) / 2))
}
ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t at) {
    WRITE("write", descriptor, REAL(pwritev)(descriptor, parts, count, at), REAL(pwritev)(descriptor, parts, (count + 1) / 2, at))
}

#define SYNC(name)                                                             \
    int name(int descriptor) {                                                 \
        GUARD("fsync", descriptor, NULL)                                       \
        int result = REAL(name)(descriptor);                                   \
        if (ours && result == 0) note("sync", path, "");                       \
        return result;                                                         \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(name, offset)                                                 \
    int name(int descriptor, offset length) {                                  \
        GUARD("truncate", descriptor, NULL)                                    \
        if (ours) note("write", path, "");                                     \
        return REAL(name)(descriptor, length);                                 \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

static int renamed(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
    char source[PATH_MAX], target[PATH_MAX], kept[PATH_MAX];
    int ours = place(from_directory, from, source) | place(to_directory, to, target);
    if (ours && fails("rename")) return errno = plan.error, -1;
    pthread_mutex_lock(&lock);
    if (ours) keep(target, kept);
    int result = flags ? REAL(renameat2)(from_directory, from, to_directory, to, flags)
                       : REAL(renameat)(from_directory, from, to_directory, to);
    if (ours && result == 0) {
        char both[2 * PATH_MAX];
        snprintf(both, sizeof both, "%s\t%s", target, kept);
        note("rename", source, both);
    }
    pthread_mutex_unlock(&lock);
    return result;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return renamed(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return renamed(a, from, b, to, flags); }

static int unlinked(int directory, const char *name, int flags) {
    char kept[PATH_MAX];
    GUARD("unlink", directory, name)
    pthread_mutex_lock(&lock);
    if (ours && !(flags & AT_REMOVEDIR)) keep(path, kept);
    int result = REAL(unlinkat)(directory, name, flags);
    if (ours && result == 0) note(flags & AT_REMOVEDIR ? "rmdir" : "unlink", path, flags & AT_REMOVEDIR ? "" : kept);
    pthread_mutex_unlock(&lock);
    return result;
}
int unlink(const char *name) { return unlinked(AT_FDCWD, name, 0); }
int unlinkat(int directory, const char *name, int flags) { return unlinked(directory, name, flags); }
int rmdir(const char *name) { return unlinked(AT_FDCWD, name, AT_REMOVEDIR); }

static int made(int directory, const char *name, mode_t mode) {
    GUARD("mkdir", directory, name)
    int result = REAL(mkdirat)(directory, name, mode);
    if (ours && result == 0) note("mkdir", path, "");
    return result;
}
int mkdir(const char *name, mode_t mode) { return made(AT_FDCWD, name, mode); }
int mkdirat(int directory, const char *name, mode_t mode) { return made(directory, name, mode); }
