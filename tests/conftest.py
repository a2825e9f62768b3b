"""Before any test module is imported: failed assertions of shared checks tell their values, too."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.e2e.books", "tests.e2e.plant")
