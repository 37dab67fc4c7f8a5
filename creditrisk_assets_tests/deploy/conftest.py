from creditrisk_assets_tests.serving.measured import answering_dagster, measured  # noqa: F401
