"""SQLAlchemy's plugin of pytest over the installed, compiled SQLAlchemy, without extensions that neither server has."""

import pytest

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.dialects.postgresql import provision  # noqa: E402
from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403

provision._extensions.clear()
