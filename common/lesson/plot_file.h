/*
 * plot_file.h: a chapter's data for gnuplot, plots/NAME.dat.
 *
 * Where there is no folder plots/ to write into (the program runs somewhere else)
 * nothing is written, and a line says so: that is no failure. It is one if a file can't
 * be written to its end, or an older one can't be replaced; the older one then stays.
 */
#pragma once

#include <stdio.h>

/* plot_file_open: plots/NAME.dat, its first line "# columns". NULL when skipped. One is
 * open at a time. */
FILE *plot_file_open(const char *name, const char *columns);

/* plot_file_close: says how to draw the picture. `file` may be NULL. */
void plot_file_close(FILE *file, const char *name);

/* plot_file_leave_out: says why there is no such data this time. An older file is
 * removed, so that no picture shows another run. */
void plot_file_leave_out(const char *name, const char *why);
