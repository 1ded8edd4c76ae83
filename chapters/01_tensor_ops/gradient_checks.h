/* gradient_checks.h: chapter 1's gradients against differences, in double. */
#ifndef CHAPTER1_GRADIENT_CHECKS_H
#define CHAPTER1_GRADIENT_CHECKS_H

/* chapter1_gradient_checks: a section, with a line for each gradient (report.h). */
void chapter1_gradient_checks(void);

#endif
