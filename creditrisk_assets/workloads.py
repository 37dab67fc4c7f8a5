"""How much of a machine each class of work takes: read by Kubernetes, and by nobody on a laptop.

A pod asks for `processor` and `memory`, which decide on which node it fits, and is ended when it takes more
than `most`. Processor has no limit: what is idle on a node may be used. The figures behind the classes stand in
docs/operations.md, Capacity.
"""

from dataclasses import dataclass
from typing import Any

TAG = "dagster-k8s/config"
"""Where dagster-k8s looks, in the tags of an op and of a run."""
LABEL = "creditrisk/work"
"""Label of pods: what a node pool may be chosen by, and a bill divided by."""


@dataclass(frozen=True)
class Workload:
    """A class of work, in quantities of Kubernetes: `500m` is half a core, `1Gi` is 2^30 bytes."""

    name: str
    processor: str
    memory: str
    most: str

    @property
    def pod(self) -> dict[str, Any]:
        """What a pod for it is told, as dagster-k8s wants it."""
        resources = {"requests": {"cpu": self.processor, "memory": self.memory}, "limits": {"memory": self.most}}
        return {
            "container_config": {"resources": resources},
            "pod_template_spec_metadata": {"labels": {LABEL: self.name}},
        }

    @property
    def tags(self) -> dict[str, Any]:
        """Tags of an op or of a job."""
        return {TAG: self.pod}


LIGHT = Workload("light", "250m", "512Mi", "2Gi")
"""Small tables, checks, reports."""
STREAM = Workload("stream", "1", "1Gi", "2Gi")
"""A run of the stream: one core takes 50,000 events a second."""
VINTAGE = Workload("vintage", "500m", "1Gi", "4Gi")
"""Single vintages: evidence, scores."""
BOOK = Workload("book", "1", "4Gi", "16Gi")
"""Frames of the whole book or of a training window."""
SAMPLING = Workload("sampling", "2", "4Gi", "8Gi")
"""Chains of the sampler; its size follows the coefficients, not the loans."""

CLASSES = (LIGHT, STREAM, VINTAGE, BOOK, SAMPLING)
