/* exercises_7.h: the exercises of chapter 7 that have files of their own. */
#pragma once

void interpolate_grade(void); /* 7.2, exercises_7_grids.c */
void axis_grade(void);        /* 7.3, exercises_7_grids.c */
void rollout_grade(void);     /* 7.4, exercises_7_rollout.c */
