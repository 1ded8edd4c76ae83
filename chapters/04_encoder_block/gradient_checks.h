/* gradient_checks.h: chapter 4's part that is compiled in double. */
#ifndef CHAPTER4_GRADIENT_CHECKS_H
#define CHAPTER4_GRADIENT_CHECKS_H

/* chapter4_gradient_checks: prints a line for each tensor; returns the failures. */
int chapter4_gradient_checks(void);

#endif
