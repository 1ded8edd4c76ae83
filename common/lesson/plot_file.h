/*
 * plot_file.h: a chapter's data for gnuplot, plots/NAME.dat.
 *
 * Where there is no folder plots/ to write into (the program runs somewhere else)
 * nothing is written, and a line says so: that is no failure. A file that can't be
 * written to its end is one, and an older file that can't be replaced: it stays.
 */
#pragma once

#include <stdio.h>

/* plot_file_open: plots/NAME.dat, its first line "# columns". NULL when skipped. One is
 * open at a time. */
FILE *plot_file_open(const char *name, const char *columns);

/* plot_file_close: says how to draw the picture. `file` may be NULL. */
void plot_file_close(FILE *file, const char *name);

/* plot_file_leave_out: there is no such data this time, and why; an older file goes,
 * so that no picture is drawn of another run. */
void plot_file_leave_out(const char *name, const char *why);
