"""Where the steps of a run are computed: in the process of the run, or each in a pod of its own."""

import dagster as dg

from creditrisk_assets.resources.environments import Settings
from creditrisk_assets.workloads import VINTAGE

STEP_ACCOUNT = "creditrisk-step"
"""Service account of step pods: it may do nothing."""
_CLOSED = {
    "max_concurrent": 8,
    "enable_owner_references": True,
    "step_k8s_config": VINTAGE.pod
    | {"pod_spec_config": {"service_account_name": STEP_ACCOUNT, "automount_service_account_token": False}},
}


def executor_for(values: Settings) -> dg.ExecutorDefinition:
    """The executor of whatever names none of its own.

    On Kubernetes its configuration is closed: dagster-k8s holds the tags of runs against the allowed fields, but
    not what a launchpad says under `execution`, which could name any image, volume or account.
    """
    if values.executor == "in_process":
        return dg.in_process_executor
    # The client of Kubernetes costs every process that loads the platform half a second.
    from dagster_k8s import k8s_job_executor

    # A function and no schema leave nothing to configure; given as a value, more could be said beside it.
    return k8s_job_executor.configured(lambda _: _CLOSED, name="kubernetes", config_schema={})
