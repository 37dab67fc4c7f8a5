"""The history that Dagster keeps of runs, and forgetting it."""

from datetime import datetime

import dagster as dg

AT_ONCE = 500
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def forget_runs(instance: dg.DagsterInstance, job_name: str, before: datetime) -> int:
    """Delete finished runs of a job that were last told of before an instant, with their events; how many they were.

    For jobs that run all the time, such as the stream's: Dagster itself forgets ticks only. With the
    events the materializations go, so a partition that no kept run materialised shows as missing.
    """
    asked = dg.RunsFilter(job_name=job_name, statuses=FINISHED, updated_before=before)
    forgotten = 0
    while found := instance.get_runs(asked, limit=AT_ONCE):
        for run in found:
            instance.delete_run(run.run_id)
        forgotten += len(found)
    return forgotten
