#!/usr/bin/env python3
"""check_manifests.py VERSION FILE...: are these manifests ones that Kubernetes would take?
VERSION is 1.29, 1.30, ..., or `newest`: the last whose schemas the package has.

Each file may hold several documents. Checked, with one line for each fault, and exit
status 1 if there is one:

  - what Kubernetes defines (Job, Service, claim, and the pod templates inside an MPIJob)
    against its published schema of VERSION, in which unknown fields are wrong
    (kubernetes-validate);
  - what Kubeflow's MPI operator defines, against the fields of its v2beta1 API as they are
    written down here (release 0.6);
  - what no schema knows: names that have to agree with one another.

Nothing is sent anywhere.
"""

import re
import sys
from pathlib import Path

import kubernetes_validate
import yaml

FOLDER = Path("chapters/08_many_machines/cluster")

# ---- the MPI operator's own fields ---------------------------------------------------


def whole(least):
    return lambda x: isinstance(x, int) and not isinstance(x, bool) and x >= least


def one_of(*words):
    return lambda x: x in words


def text(x):
    return isinstance(x, str) and x != ""


def boolean(x):
    return isinstance(x, bool)


def mapping(x):
    return isinstance(x, dict)


# A dict: fields by name. A function: may the value be so?
SCHEDULING = {
    "minAvailable": whole(1),
    "queue": text,
    "minResources": mapping,
    "priorityClass": text,
    "scheduleTimeoutSeconds": whole(0),
}
RUN_POLICY = {
    "cleanPodPolicy": one_of("None", "Running", "All"),
    "ttlSecondsAfterFinished": whole(0),
    "activeDeadlineSeconds": whole(0),
    "backoffLimit": whole(0),
    "schedulingPolicy": SCHEDULING,
    "suspend": boolean,
    "managedBy": text,
}


def replica(count):
    return {
        "replicas": count,
        "restartPolicy": one_of("Never", "OnFailure"),
        "template": mapping,
    }


MPI_JOB_SPEC = {
    "slotsPerWorker": whole(1),
    "runLauncherAsWorker": boolean,
    "runPolicy": RUN_POLICY,
    "mpiReplicaSpecs": {"Launcher": replica(one_of(1)), "Worker": replica(whole(1))},
    "sshAuthMountPath": text,
    "launcherCreationPolicy": one_of("AtStartup", "WaitForWorkersReady"),
    "mpiImplementation": one_of("OpenMPI", "Intel", "MPICH"),
}


def fields(value, expected, where):
    """Faults of a value that should have these fields, or be so."""
    if callable(expected):
        return [] if expected(value) else [f"{where}: it can't be {value!r:.60}"]
    if not isinstance(value, dict):
        return [f"{where}: it has fields of its own"]
    faults = [f"{where}: no field {name!r}" for name in value if name not in expected]
    for name in value:
        if name in expected:
            faults += fields(value[name], expected[name], f"{where}.{name}")
    return faults


# ---- Kubernetes' schemas -------------------------------------------------------------


def by_schema(document, version, where):
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as e:
        path = ".".join(str(part) for part in e.path)
        return [f"{where}: {path}: {e.message:.200}"]
    except kubernetes_validate.SchemaNotFoundError as e:
        return [f"{where}: {e.message}"]
    return []


def as_job(replica_spec, name):
    """The Job, or the pod, that the operator makes of a replica's template."""
    template = dict(replica_spec.get("template") or {})
    template["spec"] = dict(template.get("spec") or {})
    template["spec"].setdefault("restartPolicy", replica_spec.get("restartPolicy"))
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": template},
    }


QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")


def quantities(value, where):
    """To the schemas an amount is any text or number."""
    faults = []
    if isinstance(value, list):
        for i, item in enumerate(value):
            faults += quantities(item, f"{where}.{i}")
    if not isinstance(value, dict):
        return faults
    for name, item in value.items():
        amounts = {}
        if name in ("requests", "limits"):
            amounts = item
        elif name == "sizeLimit":
            amounts = {name: item}
        for key, amount in amounts.items():
            if not QUANTITY.fullmatch(str(amount)):
                faults.append(f"{where}.{name}: {key} can't be {amount!r}")
        faults += quantities(item, f"{where}.{name}")
    return faults


# ---- what has to agree ---------------------------------------------------------------


def expect(faults, where, what, got, wanted):
    if got != wanted:
        faults.append(f"{where}: {what} is {got!r}, not {wanted!r}")


def environment(container):
    return {e["name"]: e.get("value") for e in container.get("env", [])}


def pod_agrees(pod, where, claims):
    faults = []
    volumes = {v["name"]: v for v in pod.get("volumes", [])}
    used = set()
    for container in pod["containers"]:
        for mount in container.get("volumeMounts", []):
            used.add(mount["name"])
            if mount["name"] not in volumes:
                faults.append(f"{where}: no volume {mount['name']!r} is there to mount")
    for name, volume in volumes.items():
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim and claim not in claims:
            faults.append(f"{where}: no claim {claim!r} in volume.yaml")
        if name not in used:
            faults.append(f"{where}: nobody mounts the volume {name!r}")
    for key in ("runAsUser", "runAsGroup", "fsGroup"):
        got = pod.get("securityContext", {}).get(key)
        expect(faults, where, key, got, 1001)
    expect(faults, where, "runAsNonRoot", pod["securityContext"].get("runAsNonRoot"), True)
    return faults


def sshd_setting(name):
    lines = (FOLDER / "sshd_config").read_text().splitlines()
    return [line.split()[1] for line in lines if line.split()[:1] == [name]][0]


def mpi_job_agrees(job, where, claims):
    faults = []
    spec = job["spec"]
    missing = [r for r in ("Launcher", "Worker") if r not in spec["mpiReplicaSpecs"]]
    if missing:
        return [f"{where}: no {missing[0]}"]
    pods = {
        role: spec["mpiReplicaSpecs"][role]["template"]["spec"]
        for role in ("Launcher", "Worker")
    }
    for role, pod in pods.items():
        faults += pod_agrees(pod, f"{where}: {role}", claims)
    keys = spec.get("sshAuthMountPath", "/root/.ssh")
    expect(faults, where, "the folder of sshd's HostKey",
           str(Path(sshd_setting("HostKey")).parent), keys)
    expect(faults, where, "the folder of sshd's AuthorizedKeysFile",
           str(Path(sshd_setting("AuthorizedKeysFile")).parent), keys)
    worker = pods["Worker"]["containers"][0]
    port = worker.get("readinessProbe", {}).get("tcpSocket", {}).get("port")
    expect(faults, where, "the port that the probe tries", str(port), sshd_setting("Port"))
    config = worker["command"][-1]
    expect(faults, where, "sshd's configuration in the image", config,
           f"/home/student/vit/{FOLDER}/sshd_config")
    expect(faults, where, "a worker's processors", worker["resources"]["limits"]["cpu"],
           str(spec["slotsPerWorker"]))
    own = pods["Worker"].get("affinity", {}).get("podAntiAffinity", {})
    for term in own.get("requiredDuringSchedulingIgnoredDuringExecution", []):
        expect(faults, where, "the job that workers keep apart from",
               term["labelSelector"]["matchLabels"]["training.kubeflow.org/job-name"],
               job["metadata"]["name"])
    return faults


def job_agrees(job, where, claims, services):
    spec = job["spec"]
    template = spec["template"]
    pod = template["spec"]
    faults = pod_agrees(pod, where, claims)
    names = [c["name"] for c in pod["containers"]]
    for rule in spec.get("podFailurePolicy", {}).get("rules", []):
        name = rule.get("onExitCodes", {}).get("containerName")
        if name and name not in names:
            faults.append(f"{where}: a rule is about a container {name!r}")
    expect(faults, where, "completionMode", spec.get("completionMode"), "Indexed")
    expect(faults, where, "parallelism", spec.get("parallelism"), spec["completions"])
    service = services.get(pod.get("subdomain"))
    if not service:
        return faults + [f"{where}: no Service {pod.get('subdomain')!r}, its subdomain"]
    expect(faults, where, "the Service's clusterIP", service["spec"].get("clusterIP"),
           "None")
    for key, value in service["spec"]["selector"].items():
        labels = template.get("metadata", {}).get("labels", {})
        expect(faults, where, f"the label {key}, which the Service selects",
               labels.get(key), value)
    container = pod["containers"][0]
    env = environment(container)
    expect(faults, where, "NODES", env.get("NODES"), str(spec["completions"]))
    expect(faults, where, "GPUS", env.get("GPUS"),
           str(container["resources"]["limits"].get("nvidia.com/gpu")))
    expect(faults, where, "MASTER_ADDR", env.get("MASTER_ADDR"),
           f"{job['metadata']['name']}-0.{pod['subdomain']}")
    if not re.fullmatch(r"[0-9]+", env.get("MASTER_PORT") or ""):
        faults.append(f"{where}: MASTER_PORT is no port")
    return faults


# ---- the whole -----------------------------------------------------------------------


def check_document(document, version, where, claims, services):
    kind = document.get("kind")
    if kind != "MPIJob":
        faults = by_schema(document, version, where) + quantities(document, where)
        if not faults and kind == "Job":
            faults = job_agrees(document, where, claims, services)
        return faults
    faults = fields(document, {
        "apiVersion": one_of("kubeflow.org/v2beta1"),
        "kind": text,
        "metadata": mapping,
        "spec": MPI_JOB_SPEC,
    }, where)
    replicas = document.get("spec", {}).get("mpiReplicaSpecs")
    if not replicas:
        return faults + [f"{where}: spec.mpiReplicaSpecs is needed"]
    for role, spec in replicas.items():
        faults += by_schema(as_job(spec, "x"), version, f"{where}: {role}")
    faults += quantities(document, where)
    return faults or mpi_job_agrees(document, where, claims)


def read(path):
    return [d for d in yaml.safe_load_all(Path(path).read_text()) if d]


def main():
    version, *paths = sys.argv[1:]
    if version == "newest":
        version = kubernetes_validate.utils.latest_version()
    claims = {d["metadata"]["name"] for d in read(FOLDER / "volume.yaml")}
    bad = 0
    for path in paths:
        documents = read(path)
        services = {d["metadata"]["name"]: d for d in documents
                    if d.get("kind") == "Service"}
        for document in documents:
            where = f"{Path(path).name}: {document.get('kind')}"
            try:
                faults = check_document(document, version, where, claims, services)
            except (KeyError, TypeError, AttributeError, IndexError) as e:
                faults = [f"{where}: something is missing: {e!r}"]
            for fault in faults:
                print(fault)
            bad += len(faults)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
