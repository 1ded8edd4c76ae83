/* gradient_checks.h: the part of chapter 2's program that is compiled in double. */
#ifndef CHAPTER2_GRADIENT_CHECKS_H
#define CHAPTER2_GRADIENT_CHECKS_H

/* chapter2_gradient_checks: prints a line for each gradient; how many failed. */
int chapter2_gradient_checks(void);

#endif
