from creditrisk_assets_tests.serving.streamed_lake import streamed_lake  # noqa: F401
