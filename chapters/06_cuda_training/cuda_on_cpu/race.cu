/* race.cu: each thread takes its right neighbour's element: with a race. README.md says
 * how to compile and run it without a GPU; nvcc takes it as it is. */
#include <cuda_runtime.h>
#include <stdio.h>

#ifdef CUDA_ON_CPU
#define LAUNCH(kernel, grid, block, ...)                                               \
    cuda_on_cpu_launch(#kernel, grid, block, 0, NULL, kernel, __VA_ARGS__)
#else
#define LAUNCH(kernel, grid, block, ...) kernel<<<grid, block>>>(__VA_ARGS__)
#endif

enum { N = 64 };

static __global__ void rotate(const float *from, float *to) {
    __shared__ float tile[N];
    const int i = static_cast<int>(threadIdx.x);
    tile[i] = from[i];
    /* missing: __syncthreads(); */
    to[i] = tile[(i + 1) % N];
}

int main() {
    float host[N], *from, *to;
    for (int i = 0; i < N; i++) {
        host[i] = static_cast<float>(i);
    }
    cudaMalloc(&from, sizeof host);
    cudaMalloc(&to, sizeof host);
    cudaMemcpy(from, host, sizeof host, cudaMemcpyHostToDevice);
    LAUNCH(rotate, 1, N, from, to);
    cudaMemcpy(host, to, sizeof host, cudaMemcpyDeviceToHost);
    printf("%g %g %g ... %g\n", host[0], host[1], host[2], host[N - 1]);
    cudaFree(from);
    cudaFree(to);
}
