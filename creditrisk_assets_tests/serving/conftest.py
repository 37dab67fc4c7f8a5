from creditrisk_assets_tests.serving.measured import answering_dagster, measured  # noqa: F401
from creditrisk_assets_tests.serving.streamed_lake import streamed_lake  # noqa: F401
