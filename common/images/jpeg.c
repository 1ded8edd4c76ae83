/*
 * jpeg.c: JPEG, by libjpeg-turbo. That library calls back when something is wrong, and
 * wants not to be returned to: we leave it by longjmp. What it only warns of (it would
 * make grey of what is missing) ends the reading, too, if pixels are lost.
 */
#include "common/images/formats.h"

#include <setjmp.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

enum {
    EXIF_MARKER = JPEG_APP0 + 1,
    LONGEST_MARKER = 0xFFFF,
    MAX_SCANS = 100, /* of a progressive JPEG; 10 are usual, and each is a pass */
    /* A block of 8 x 8 pixels takes a bit or more. (Twice as many pixels, for files
     * that store every second row of one colour, every second column of another.) */
    MOST_PIXELS_PER_BYTE = 8 * 64 * 2,
};

typedef struct {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr callbacks;
    struct jpeg_progress_mgr progress;
    const PictureFile *file;
    Error *error;
    jmp_buf leave;
} JpegReader;

/* ---- called back -------------------------------------------------------- */

/* Lossless, of 12 bits, of more than 65500 pixels on a side. */
static bool is_unsupported(int code) {
    return code == JERR_SOF_UNSUPPORTED || code == JERR_BAD_PRECISION ||
           code == JERR_IMAGE_TOO_BIG;
}

static void stop(j_common_ptr info) {
    JpegReader *r = info->client_data;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    if (info->err->msg_code == JERR_OUT_OF_MEMORY) {
        error_set(r->error, "%s: no memory to decode it", r->file->name);
    } else {
        const char *kind = is_unsupported(info->err->msg_code)
                               ? "JPEG of a kind that isn't read"
                               : "truncated or damaged JPEG";
        error_set(r->error, "%s: a %s: %s", r->file->name, kind, text);
    }
    longjmp(r->leave, 1);
}

/* Warnings have level -1. Some bytes too many before the end, or between the headers,
 * are no loss: cameras write them. */
static void warning(j_common_ptr info, int level) {
    const struct jpeg_error_mgr *e = info->err;
    const bool at_start = ((j_decompress_ptr)info)->input_scan_number == 0;
    const bool at_end = e->msg_parm.i[1] == JPEG_EOI; /* if it is about these bytes */
    switch (level < 0 ? e->msg_code : 0) {
    case JWRN_EXTRANEOUS_DATA:
        if (!at_start && !at_end) {
            stop(info);
        }
        break;
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC: stop(info); break;
    default: break;
    }
}

static void count_scans(j_common_ptr info) {
    JpegReader *r = info->client_data;
    if (r->info.input_scan_number > MAX_SCANS) {
        error_set(r->error, "%s: a JPEG of more than %d scans", r->file->name,
                  MAX_SCANS);
        longjmp(r->leave, 1);
    }
}

/* ---- reading ------------------------------------------------------------ */

/* After the header: what isn't read, before memory is asked for. */
static bool can_be_read(const JpegReader *r) {
    const struct jpeg_decompress_struct *info = &r->info;
    const char *name = r->file->name;
    if (!picture_fits(info->image_width, info->image_height, MOST_PIXELS_PER_BYTE,
                      r->file, r->error)) {
        return false;
    }
    if (info->num_components == 4) {
        return error_set(r->error, "%s: a JPEG in CMYK; convert it to RGB", name);
    }
    if (info->num_components != 1 && info->num_components != 3) {
        return error_set(r->error, "%s: a JPEG of %d channels, neither grey nor colour",
                         name, info->num_components);
    }
    if (info->arith_code) {
        return error_set(r->error, "%s: a JPEG with arithmetic coding; convert it",
                         name);
    }
    return true;
}

static int orientation_of(const struct jpeg_decompress_struct *info) {
    static const char begin[6] = "Exif\0";
    for (jpeg_saved_marker_ptr m = info->marker_list; m; m = m->next) {
        if (m->data_length >= sizeof begin &&
            memcmp(m->data, begin, sizeof begin) == 0) {
            return exif_orientation(m->data + sizeof begin,
                                    m->data_length - sizeof begin);
        }
    }
    return 1;
}

/* Everything that may be left by longjmp. */
static bool read_all(JpegReader *r, Picture *picture, int *orientation) {
    struct jpeg_decompress_struct *info = &r->info;
    if (setjmp(r->leave)) {
        return false;
    }
    jpeg_create_decompress(info);
    info->progress = &r->progress;
    jpeg_save_markers(info, EXIF_MARKER, LONGEST_MARKER);
    jpeg_mem_src(info, r->file->bytes, (unsigned long)r->file->count);
    jpeg_read_header(info, TRUE);
    if (!can_be_read(r)) {
        return false;
    }
    *orientation = orientation_of(info);
    info->out_color_space = JCS_RGB;
    jpeg_start_decompress(info);
    if (!picture_make(picture, (int)info->output_width, (int)info->output_height,
                      r->error)) {
        return false;
    }
    const size_t row_bytes = (size_t)picture->width * PICTURE_CHANNELS;
    while (info->output_scanline < info->output_height) {
        JSAMPROW row = picture->pixels + info->output_scanline * row_bytes;
        jpeg_read_scanlines(info, &row, 1);
    }
    jpeg_finish_decompress(info); /* looks for the end of the file */
    return true;
}

bool jpeg_decode(Picture *picture, const PictureFile *file, Error *error) {
    JpegReader r = {.file = file, .error = error};
    int orientation = 1;
    r.info.err = jpeg_std_error(&r.callbacks);
    r.info.client_data = &r;
    r.callbacks.error_exit = stop;
    r.callbacks.emit_message = warning;
    r.progress.progress_monitor = count_scans;
    const bool ok = read_all(&r, picture, &orientation);
    jpeg_destroy_decompress(&r.info);
    if (!ok) {
        picture_free(picture);
        return false;
    }
    return exif_turn(picture, orientation, error);
}
