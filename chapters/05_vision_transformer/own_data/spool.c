/* spool.c: see spool.h. */
#include "chapters/05_vision_transformer/own_data/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/files/regular_file.h"

const char *spool_folder(void) {
    const char *folder = getenv("TMPDIR");
    return folder && folder[0] ? folder : "/var/tmp";
}

static bool fails(Error *why, const char *what) {
    return error_set(why, "%.200s: a temporary file can't be %s: %s", spool_folder(),
                     what, errno ? strerror(errno) : "it has ended");
}

bool spool_has_room(double bytes, Error *why) {
    struct statvfs disk;
    if (statvfs(spool_folder(), &disk) != 0) {
        return fails(why, "made");
    }
    const double left = (double)disk.f_bavail * (double)disk.f_frsize;
    return bytes < left || error_set(why, "%.200s: it has room for %.3g MB",
                                     spool_folder(), left / 1e6);
}

bool spool_make(Spool *spool, size_t bytes, Error *why) {
    char path[FILE_PATH_BYTES];
    *spool = (Spool){.file = -1, .bytes = bytes};
    if (snprintf(path, sizeof path, "%s/pictures.XXXXXX", spool_folder()) >=
        (int)sizeof path) {
        errno = ENAMETOOLONG;
        return fails(why, "made");
    }
    spool->file = mkstemp(path);
    if (spool->file < 0) {
        return fails(why, "made");
    }
    if (unlink(path) != 0 || fcntl(spool->file, F_SETFD, FD_CLOEXEC) != 0) {
        fails(why, "made nameless");
        spool_free(spool);
        return false;
    }
    return true;
}

/* Where an image begins. */
static off_t place_of(const Spool *spool, int index) {
    return (off_t)index * (off_t)spool->bytes;
}

bool spool_put(const Spool *spool, int index, const unsigned char *pixels, Error *why) {
    const off_t place = place_of(spool, index);
    for (size_t done = 0; done < spool->bytes;) {
        errno = 0;
        const ssize_t count = pwrite(spool->file, pixels + done, spool->bytes - done,
                                     place + (off_t)done);
        if (count <= 0 && errno != EINTR) {
            return fails(why, "written");
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return true;
}

bool spool_get(const Spool *spool, int index, size_t bytes, unsigned char *pixels,
               Error *why) {
    const off_t place = place_of(spool, index);
    for (size_t done = 0; done < bytes;) {
        errno = 0;
        const ssize_t count =
            pread(spool->file, pixels + done, bytes - done, place + (off_t)done);
        if (count <= 0 && errno != EINTR) {
            return fails(why, "read");
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return true;
}

void spool_free(Spool *spool) {
    if (spool->file >= 0) {
        close(spool->file);
    }
    spool->file = -1;
}
