/* machine.h: what the numbers were measured on. */
#pragma once

/* machine_cores: how many this process may use; without OpenMP one. */
int machine_cores(void);

/* machine_print: processor, memory, system, compiler and its flags. */
void machine_print(void);
