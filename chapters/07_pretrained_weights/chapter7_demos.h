/* chapter7_demos.h: what ./chapter7 shows and checks, without any file from outside. */
#pragma once

void stripes_demo(void);  /* 7.1 */
void dialects_demo(void); /* 7.2 */
void resize_demo(void);   /* 7.3 */
void recipe_demo(void);   /* 7.4 */
void rollout_demo(void);  /* 7.5 */
void epsilon_demo(void);  /* 7.6 */

/* own_model_demo: chapter5.safetensors, where chapter 5 has left it, looks at a picture
 * of the data set. */
void own_model_demo(void); /* 7.7 */

/* wrong_numbers_demo: what it would see if epsilon, mean or heads were others. */
void wrong_numbers_demo(void); /* 7.8 */
