"""The face of every asset as plain data, for the snapshot. Run as a module to rewrite it."""

import json
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).parent / "asset_specs.json"


def described() -> dict[str, dict[str, Any]]:
    """Key, group, owners, kinds, dependencies, partitions and columns of every asset."""
    from creditrisk_assets.definitions import defs

    return {
        spec.key.to_user_string(): {
            "group": spec.group_name,
            "description": spec.description,
            "owners": list(spec.owners),
            "kinds": sorted(spec.kinds),
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "partitions": type(spec.partitions_def).__name__,
            "columns": [column.name for column in spec.metadata["dagster/column_schema"].columns],
        }
        for spec in sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key)
    }


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(described(), indent=2) + "\n")
