from creditrisk_assets_tests.dashboard.opened import opening  # noqa: F401
