/* What a power cut leaves of Valkey's append-only file.
 *
 * Preloaded into the server, this notes after every successful fsync or fdatasync of the file how long it was when that
 * call began: no more than so much is certain to be on the disk. Flushes are made slower on request. When the note "cut" lies in the folder, the next
 * server to start shortens the file to that length before it reads it, and leaves in "was-cut" how many bytes went.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int note = -1;

static void in_folder(char *path, const char *name) {
    const char *folder = getenv("CHAOS_FOLDER");
    snprintf(path, PATH_MAX, "%s/%s", folder ? folder : ".", name);
}

static void cut_back(void) {
    char flag[PATH_MAX], path[PATH_MAX], record[PATH_MAX + 32] = "", file[PATH_MAX];
    long long length;
    struct stat found;
    in_folder(flag, "cut");
    if (unlink(flag) != 0) return;
    in_folder(path, "synced");
    int in = open(path, O_RDONLY);
    if (in < 0 || read(in, record, sizeof record - 1) <= 0) return;
    close(in);
    if (sscanf(record, "%lld %4095[^\n]", &length, file) != 2 || stat(file, &found) != 0) return;
    if (found.st_size > length && truncate(file, length) != 0) abort();
    in_folder(path, "was-cut");
    FILE *out = fopen(path, "a");
    if (!out) abort();
    fprintf(out, "%lld\n", found.st_size > length ? (long long)found.st_size - length : 0LL);
    fclose(out);
}

__attribute__((constructor)) static void begin(void) {
    char path[PATH_MAX];
    cut_back();
    in_folder(path, "synced");
    note = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static void take_note(int fd, long long length) {
    char link[64], file[PATH_MAX], record[PATH_MAX + 32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, file, sizeof file - 1);
    if (size < 0) return;
    file[size] = 0;
    if (!strstr(file, ".incr.aof")) return;
    int written = snprintf(record, sizeof record, "%020lld %s\n", length, file);
    if (pwrite(note, record, (size_t)written, 0) != written) abort();
}

static void flush_slowly(void) {
    const char *wait = getenv("CHAOS_FLUSH_MS");
    if (wait) usleep((useconds_t)(1000 * atoi(wait)));
}

static int synced(int fd, const char *name) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    struct stat before;
    int known = fstat(fd, &before) == 0;
    flush_slowly();
    int result = real(fd);
    if (result == 0 && known) take_note(fd, (long long)before.st_size);
    return result;
}

int fsync(int fd) { return synced(fd, "fsync"); }
int fdatasync(int fd) { return synced(fd, "fdatasync"); }
