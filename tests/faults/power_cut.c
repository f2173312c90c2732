/* Records what a process asks of the disk below one folder: made, written, synced, renamed, removed.
 *
 * Loaded with LD_PRELOAD. Nothing is changed of what the process does, but a file that is removed or renamed over is
 * kept under a name of its own in POWER_CUT_KEPT, so that a removal can be undone. Lines of POWER_CUT_LOG, each
 * written before (`write`) or after (all others) what it tells of, with inode numbers, for names change:
 *   make INODE PATH | folder INODE PATH | write INODE | sync INODE | rename INODE FROM\tTO | remove INODE PATH
 * Order between threads is that of a lock which is held over the call and its line. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX], kept[PATH_MAX];
static size_t root_length;
static int log_file = -1;
static unsigned long removed;


static void ready(void) {
  static int done;
  if (done) return;
  done = 1;
  const char *of_root = getenv("POWER_CUT_ROOT"), *of_kept = getenv("POWER_CUT_KEPT"),
             *of_log = getenv("POWER_CUT_LOG");
  if (!of_root || !of_kept || !of_log) return;
  snprintf(root, sizeof root, "%s", of_root);
  snprintf(kept, sizeof kept, "%s", of_kept);
  root_length = strlen(root);
  log_file = syscall(SYS_openat, AT_FDCWD, of_log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static int inside(const char *path) {
  return log_file >= 0 && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static void note(const char *what, unsigned long inode, const char *path, const char *to) {
  char line[3 * PATH_MAX];
  int size = snprintf(line, sizeof line, "%s %lu %s%s%s\n", what, inode, path, to ? "\t" : "", to ? to : "");
  syscall(SYS_write, log_file, line, size);
}

/* The path of a name as another call would find it, links in its folder followed. */
static int whole(int folder, const char *name, char *out) {
  char joined[2 * PATH_MAX], link[64];
  if (name[0] == '/')
    snprintf(joined, sizeof joined, "%s", name);
  else {
    char base[PATH_MAX];
    if (folder == AT_FDCWD) {
      if (!getcwd(base, sizeof base)) return 0;
    } else {
      snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
      ssize_t size = readlink(link, base, sizeof base - 1);
      if (size < 0) return 0;
      base[size] = 0;
    }
    snprintf(joined, sizeof joined, "%s/%s", base, name);
  }
  char *slash = strrchr(joined, '/');
  char last[PATH_MAX];
  snprintf(last, sizeof last, "%s", slash + 1);
  *slash = 0;
  char real[PATH_MAX];
  if (!realpath(*joined ? joined : "/", real)) return 0;
  snprintf(out, PATH_MAX, "%s/%s", real, last);
  return inside(out);
}

static unsigned long inode_at(const char *path) {
  struct stat found;
  return lstat(path, &found) ? 0 : found.st_ino;
}

static unsigned long inode_of(int file) {
  struct stat found;
  char link[64], path[PATH_MAX];
  if (log_file < 0 || fstat(file, &found) || !(S_ISREG(found.st_mode) || S_ISDIR(found.st_mode))) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = 0;
  return inside(path) ? found.st_ino : 0;
}

/* Keeps what is at a path under another name, where the removal of its last name would lose it. */
static void keep(const char *path) {
  char name[2 * PATH_MAX];
  snprintf(name, sizeof name, "%s/%d-%lu", kept, (int)getpid(), removed++);
  syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, name, 0);
}

static int opened(int folder, const char *name, int flags, mode_t mode) {
  char path[PATH_MAX];
  ready();
  int made = (flags & O_CREAT) && whole(folder, name, path);
  if (!made && !(flags & O_TRUNC)) return syscall(SYS_openat, folder, name, flags, mode);
  pthread_mutex_lock(&lock);
  unsigned long before = made ? inode_at(path) : 1;
  int file = syscall(SYS_openat, folder, name, flags, mode);
  int error = errno;
  if (file >= 0 && !before) note("make", inode_at(path), path, 0);
  unsigned long inode = file >= 0 && (flags & O_TRUNC) ? inode_of(file) : 0;
  if (inode) note("write", inode, "", 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return file;
}

#define OPEN(name)                             \
  int name(const char *path, int flags, ...) { \
    va_list rest;                              \
    va_start(rest, flags);                     \
    mode_t mode = va_arg(rest, mode_t);        \
    va_end(rest);                              \
    return opened(AT_FDCWD, path, flags, mode); \
  }
#define OPENAT(name)                                       \
  int name(int folder, const char *path, int flags, ...) { \
    va_list rest;                                          \
    va_start(rest, flags);                                 \
    mode_t mode = va_arg(rest, mode_t);                    \
    va_end(rest);                                          \
    return opened(folder, path, flags, mode);              \
  }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

static void dirty(int file) {
  ready();
  unsigned long inode = inode_of(file);
  if (inode) note("write", inode, "", 0);
}

ssize_t write(int file, const void *bytes, size_t size) {
  dirty(file);
  return syscall(SYS_write, file, bytes, size);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
  dirty(file);
  return syscall(SYS_writev, file, parts, count);
}
ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) {
  dirty(file);
  return syscall(SYS_pwrite64, file, bytes, size, at);
}
int ftruncate64(int file, off64_t size) {
  dirty(file);
  return syscall(SYS_ftruncate, file, size);
}

static int synced(int file, long call) {
  ready();
  unsigned long inode = inode_of(file);
  int done = syscall(call, file), error = errno;
  if (inode && !done) note("sync", inode, "", 0);
  errno = error;
  return done;
}
int fsync(int file) { return synced(file, SYS_fsync); }
int fdatasync(int file) { return synced(file, SYS_fdatasync); }

static int renamed(int from_folder, const char *from, int to_folder, const char *to) {
  char old[PATH_MAX], new[PATH_MAX];
  ready();
  if (!whole(from_folder, from, old) || !whole(to_folder, to, new))
    return syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
  pthread_mutex_lock(&lock);
  unsigned long inode = inode_at(old);
  keep(new);
  int done = syscall(SYS_renameat2, from_folder, from, to_folder, to, 0), error = errno;
  if (!done) note("rename", inode, old, new);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int a, const char *from, int b, const char *to) { return renamed(a, from, b, to); }

static int unlinked(int folder, const char *name, int flags) {
  char path[PATH_MAX];
  ready();
  if (!whole(folder, name, path)) return syscall(SYS_unlinkat, folder, name, flags);
  pthread_mutex_lock(&lock);
  unsigned long inode = inode_at(path);
  if (!(flags & AT_REMOVEDIR))
    keep(path);
  else if (inode) /* kept open, so that nothing else gets its number */
    syscall(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC);
  int done = syscall(SYS_unlinkat, folder, name, flags), error = errno;
  if (!done) note("remove", inode, path, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}
int unlink(const char *path) { return unlinked(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinked(AT_FDCWD, path, AT_REMOVEDIR); }
int unlinkat(int folder, const char *path, int flags) { return unlinked(folder, path, flags); }

static int made_folder(int folder, const char *name, mode_t mode) {
  char path[PATH_MAX];
  ready();
  pthread_mutex_lock(&lock);
  int done = syscall(SYS_mkdirat, folder, name, mode), error = errno;
  if (!done && whole(folder, name, path)) note("folder", inode_at(path), path, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}
int mkdir(const char *path, mode_t mode) { return made_folder(AT_FDCWD, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { return made_folder(folder, path, mode); }
