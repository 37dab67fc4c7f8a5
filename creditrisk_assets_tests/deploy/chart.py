"""What Dagster's chart makes of deploy/helm/values.yaml, as far as our values go: read from its templates, not run."""

from typing import Any

import yaml

from creditrisk_assets_tests.conftest import PROJECT

Values = dict[str, Any]
POD_KEYS = {"image", "podSecurityContext", "securityContext", "resources", "volumes", "volumeMounts", "livenessProbe",
            "readinessProbe", "startupProbe", "initContainerResources", "checkDbReadyInitContainer"}  # fmt: skip
KEYS = {
    "global": {"dagsterHome", "postgresqlSecretName"},
    "serviceAccount": {"create", "name"},
    "dagsterWebserver": {"replicaCount", "nameOverride", "enableReadOnly", "service"} | POD_KEYS,
    "dagster-user-deployments": {"enabled", "enableSubchart", "rbacEnabled", "serviceAccount", "deployments"},
    "postgresql": {"enabled", "postgresqlHost", "postgresqlUsername", "postgresqlDatabase", "postgresqlScheme",
                   "service"},
    "runLauncher": {"type", "config"},
    "computeLogManager": {"type"},
    "dagsterDaemon": {"enabled", "heartbeatTolerance", "runCoordinator", "runMonitoring", "runRetries", "sensors",
                      "schedules"} | POD_KEYS,
    "retention": {"enabled", "sensor", "schedule"},
    "telemetry": {"enabled"},
}  # fmt: skip
"""Keys of the chart (1.13) that we set; a key beside them is a slip of the pen, or belongs here as well."""
DEPLOYMENT_KEYS = {"name", "dagsterApiGrpcArgs", "port", "includeConfigInLaunchedRuns", "envConfigMaps",
                   "envSecrets"} | POD_KEYS  # fmt: skip


def values() -> Values:
    """Our values."""
    found: Values = yaml.safe_load((PROJECT / "deploy" / "helm" / "values.yaml").read_text())
    return found


def instance_of(given: Values) -> Values:
    """dagster.yaml as the chart writes it."""
    daemon, storage = given["dagsterDaemon"], given["postgresql"]
    launcher = given["runLauncher"]["config"]["customRunLauncher"]
    return {
        "telemetry": given["telemetry"],
        "storage": {"postgres": {"postgres_db": {
            "scheme": storage["postgresqlScheme"], "hostname": storage["postgresqlHost"],
            "port": storage["service"]["port"], "db_name": storage["postgresqlDatabase"],
            "username": storage["postgresqlUsername"], "password": {"env": "DAGSTER_PG_PASSWORD"},
        }}},
        "compute_logs": {"module": "dagster.core.storage.noop_compute_log_manager",
                         "class": given["computeLogManager"]["type"]},
        "run_launcher": launcher,
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": daemon["runCoordinator"]["type"],
            "config": _snake(daemon["runCoordinator"]["config"]["queuedRunCoordinator"]),
        },
        "run_monitoring": _snake(daemon["runMonitoring"]),
        "sensors": _snake(daemon["sensors"]),
        "schedules": _snake(daemon["schedules"]),
        "retention": {name: _snake(given["retention"][name]) for name in ("sensor", "schedule")},
        **given["additionalInstanceConfig"],
    }  # fmt: skip


def _snake(given: Values) -> Values:
    """Keys as dagster.yaml spells them."""
    return {"".join(f"_{one.lower()}" if one.isupper() else one for one in key): value for key, value in given.items()}
