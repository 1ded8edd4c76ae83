/* gradient_checks.h: chapter 3's gradients against differences, in double. */
#ifndef CHAPTER3_GRADIENT_CHECKS_H
#define CHAPTER3_GRADIENT_CHECKS_H

/* chapter3_gradient_checks: a section, with a line for each gradient (report.h). */
void chapter3_gradient_checks(void);

#endif
