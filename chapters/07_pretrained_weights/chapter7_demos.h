/* chapter7_demos.h: what ./chapter7 shows and checks, without any file from outside.
 * Each prints a section that has its heading in the lesson. */
#pragma once

void stripes_demo(void);  /* Nothing fails, it is only worse */
void dialects_demo(void); /* Three matrices are one */
void resize_demo(void);   /* A resize that skips no pixel */
void recipe_demo(void);   /* Recipes */
void rollout_demo(void);  /* Where did it look? */
void epsilon_demo(void);  /* The same answer, only worse */

/* own_model_demo: chapter5.safetensors, where chapter 5 has left it, looks at a picture
 * of the data set. */
void own_model_demo(void);

/* wrong_numbers_demo: what it would see if epsilon, mean or heads were others. */
void wrong_numbers_demo(void);
