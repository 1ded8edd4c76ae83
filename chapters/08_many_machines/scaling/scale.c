/* scale.c: see scale.h. */
#include "chapters/08_many_machines/scaling/scale.h"

#include <math.h>

#include "chapters/05_vision_transformer/program/describe.h"

ScaleModel scale_model(const char *name) {
    const Settings settings = settings_default();
    VitConfig config;
    Error error;
    if (!describe_config(name, &settings, &config, &error)) {
        bug("scale_model: %s", error.text);
    }
    return (ScaleModel){name, (double)vit_parameter_formula(&config),
                        vit_forward_flops(&config), config.depth + 2};
}

double overlapped_s(double forward_s, double backward_s, int buckets, double last_s,
                    double all_s) {
    return forward_s + fmax(backward_s + last_s, backward_s / buckets + all_s);
}

double scale_compute_s(const ScaleModel *model, const Cluster *cluster, double images) {
    return images * 3 * model->forward_flops / cluster->flops;
}

double scale_sum_s(const ScaleModel *model, const Cluster *cluster, int P,
                   int buckets) {
    const double bytes = model->parameters * cluster->element_bytes / buckets;
    return buckets * (cluster->halving ? cost_halving(cluster->network, P, bytes)
                                       : cost_ring(cluster->network, P, bytes));
}

/* A step with so many buckets; one is no overlap. */
static double step_s(const ScaleModel *model, const Cluster *cluster, int P,
                     double batch, int buckets) {
    const double compute = scale_compute_s(model, cluster, batch / P);
    const double all = scale_sum_s(model, cluster, P, buckets);
    return overlapped_s(compute / 3, compute * 2 / 3, buckets, all / buckets, all);
}

int scale_buckets(const ScaleModel *model, const Cluster *cluster, int P,
                  double batch) {
    int best = 1;
    for (int buckets = 2; cluster->overlap && buckets <= model->parts; buckets++) {
        if (step_s(model, cluster, P, batch, buckets) <
            step_s(model, cluster, P, batch, best)) {
            best = buckets;
        }
    }
    return best;
}

double scale_step_s(const ScaleModel *model, const Cluster *cluster, int P,
                    double batch) {
    return step_s(model, cluster, P, batch, scale_buckets(model, cluster, P, batch));
}

double scale_efficiency(const ScaleModel *model, const Cluster *cluster, int P,
                        double batch) {
    return scale_compute_s(model, cluster, batch / P) /
           scale_step_s(model, cluster, P, batch);
}

int scale_limit(const ScaleModel *model, const Cluster *cluster, double batch,
                double efficiency) {
    int P = 1;
    while (P < 1 << 16 &&
           scale_efficiency(model, cluster, 2 * P, batch) >= efficiency) {
        P *= 2;
    }
    return P;
}

/* Efficiency grows with the batch: the range in which it passes is halved. */
double scale_batch(const ScaleModel *model, const Cluster *cluster, int P,
                   double efficiency) {
    double low = 0, high = 1;
    while (scale_efficiency(model, cluster, P, high) < efficiency) {
        high *= 2;
    }
    for (int i = 0; i < 60; i++) {
        const double middle = (low + high) / 2;
        if (scale_efficiency(model, cluster, P, middle) < efficiency) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

double scale_bytes(const ScaleModel *model, int P, bool sharded) {
    const double block = 4 * model->parameters; /* fp32 */
    return 2 * block + 2 * block / (sharded ? P : 1);
}
