/*
 * csv.h: a table in a file, whole or not at all: it is written under another
 * name, and renamed when it is complete.
 */
#pragma once

#include <stdio.h>

#include "common/error.h"

typedef struct {
    FILE *file; /* NULL: not open */
    char path[64], temporary[80];
} Csv;

/* csv_open: path, and its first line; false if it can't be written. */
bool csv_open(Csv *csv, const char *path, const char *header, Error *error);

/* csv_close: false, and nothing is left, if not all of it could be written. */
bool csv_close(Csv *csv, Error *error);

/* csv_drop: the table isn't wanted any more, after a failure. */
void csv_drop(Csv *csv);

/* csv_number: a comma, and the number; after the comma nothing for 0 (unknown). */
void csv_number(Csv *csv, double number);
