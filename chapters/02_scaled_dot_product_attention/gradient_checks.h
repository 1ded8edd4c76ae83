/* gradient_checks.h: chapter 2's gradients against differences, in double. */
#ifndef CHAPTER2_GRADIENT_CHECKS_H
#define CHAPTER2_GRADIENT_CHECKS_H

/* chapter2_gradient_checks: a section, with a line for each gradient (report.h). */
void chapter2_gradient_checks(void);

#endif
