/*
 * Loaded before the C library: counts the calls that change what lies below KILL_BELOW, and ends the process, as SIGKILL would,
 * before or after call KILL_AT. KILL_COUNT names a file that gets the number of calls when the process ends by itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static long kill_at = -1;
static int kill_after;
static const char *below;
static size_t below_length;

__attribute__((constructor)) static void begin(void) {
  const char *at = getenv("KILL_AT");
  const char *when = getenv("KILL_WHEN");
  kill_at = at == NULL ? -1 : atol(at);
  kill_after = when != NULL && strcmp(when, "after") == 0;
  below = getenv("KILL_BELOW");
  below_length = below == NULL ? 0 : strlen(below);
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("KILL_COUNT");
  FILE *file = path == NULL ? NULL : fopen(path, "w");
  if (file == NULL) return;
  fprintf(file, "%ld\n", atomic_load(&calls));
  fclose(file);
}

static int is_below(const char *path) {
  return below_length > 0 && path != NULL && strncmp(path, below, below_length) == 0;
}

static int is_file_below(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_below(path);
}

static long before(int counts) {
  if (!counts) return 0;
  long number = atomic_fetch_add(&calls, 1) + 1;
  if (number == kill_at && !kill_after) _exit(137);
  return number;
}

static void after(long number) {
  if (number > 0 && number == kill_at && kill_after) _exit(137);
}

#define WRAPPED(type, name, parameters, arguments, counts)                       \
  type name parameters {                                                        \
    static type(*real) parameters;                                              \
    if (real == NULL) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);       \
    long number = before(counts);                                               \
    type result = real arguments;                                               \
    after(number);                                                              \
    return result;                                                              \
  }

WRAPPED(ssize_t, write, (int fd, const void *bytes, size_t count), (fd, bytes, count), is_file_below(fd))
WRAPPED(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count), is_file_below(fd))
WRAPPED(ssize_t, pwrite, (int fd, const void *bytes, size_t count, off_t at), (fd, bytes, count, at), is_file_below(fd))
WRAPPED(ssize_t, pwrite64, (int fd, const void *bytes, size_t count, off64_t at), (fd, bytes, count, at), is_file_below(fd))
WRAPPED(int, fsync, (int fd), (fd), is_file_below(fd))
WRAPPED(int, fdatasync, (int fd), (fd), is_file_below(fd))
WRAPPED(int, ftruncate, (int fd, off_t size), (fd, size), is_file_below(fd))
WRAPPED(int, ftruncate64, (int fd, off64_t size), (fd, size), is_file_below(fd))
WRAPPED(int, rename, (const char *from, const char *to), (from, to), is_below(to))
WRAPPED(int, link, (const char *from, const char *to), (from, to), is_below(to))
WRAPPED(int, unlink, (const char *path), (path), is_below(path))
WRAPPED(int, mkdir, (const char *path, mode_t mode), (path, mode), is_below(path))
