/* memory.h: how much memory a process has had. */
#pragma once

/* peak_mb: the most resident memory of this program so far, in MB of 2^20 bytes. */
double peak_mb(void);
