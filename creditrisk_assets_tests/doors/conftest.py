from creditrisk_assets_tests.dashboard.opened import opening  # noqa: F401
from creditrisk_assets_tests.serving.conftest import api_lake, own_lake  # noqa: F401
from creditrisk_assets_tests.serving.streamed_lake import streamed_lake  # noqa: F401
