/* gradient_checks.h: chapter 3's part that is compiled in double. */
#ifndef CHAPTER3_GRADIENT_CHECKS_H
#define CHAPTER3_GRADIENT_CHECKS_H

/* chapter3_gradient_checks: prints a line for each tensor; returns the failures. */
int chapter3_gradient_checks(void);

#endif
