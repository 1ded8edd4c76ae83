/* chapter8_demos.h: what ./chapter8 shows before it trains. The ranks are threads here
 * (threads_group.h), so it needs no mpirun. */
#pragma once

/* ring_demo: four ranks sum four small vectors; how many bytes each of them sends. */
void ring_demo(void);

/* order_demo: one sum in four orders. */
void order_demo(void);

/* cost_demo: what the alpha-beta model says of a slow network. */
void cost_demo(void);
