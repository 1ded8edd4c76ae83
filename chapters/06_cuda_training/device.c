/* device.c: see device.h. DEVICE is the name that this compilation goes by. */
#include "device.h"

#include "access_counts.h"
#include "dump_gpu.h"
#include "gpu_parity.h"
#include "ladder_times.h"

const Device DEVICE = {
    .engine = &gpu_engine,
    .open = gpu_open,
    .choose = gpu_trainer_choose,
    .matmul_available = gpu_matmul_available,
    .matmul_names = gpu_matmul_names,
    .attention_names = gpu_attention_names,
    .can_train = gpu_vit_can,
    .check_against_cpu = gpu_parity,
    .dump = dump_gpu,
    .print_ladder_times = ladder_times,
    .print_access_counts = access_counts_print,
};
