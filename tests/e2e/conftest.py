"""Failed assertions of the shared checks tell their values, too."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.e2e.books")
