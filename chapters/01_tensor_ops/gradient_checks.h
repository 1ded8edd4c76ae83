/* gradient_checks.h: the part of chapter 1's program that is compiled in double. */
#ifndef CHAPTER1_GRADIENT_CHECKS_H
#define CHAPTER1_GRADIENT_CHECKS_H

/* chapter1_gradient_checks: prints a line for each gradient; how many failed. */
int chapter1_gradient_checks(void);

#endif
