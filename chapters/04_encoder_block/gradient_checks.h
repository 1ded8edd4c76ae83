/* gradient_checks.h: chapter 4's gradients against differences, in double. */
#ifndef CHAPTER4_GRADIENT_CHECKS_H
#define CHAPTER4_GRADIENT_CHECKS_H

/* chapter4_gradient_checks: a section, with a line for each gradient (report.h). */
void chapter4_gradient_checks(void);

#endif
