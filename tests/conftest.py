"""Fixtures that several test files share."""

import pytest

from nhwc import _core

collect_ignore = ["goldens"]  # a program that needs Keras


@pytest.fixture(params=_core.ISAS_AVAILABLE)
def isa(request):
    """Run the test once with each instruction set of this processor."""
    before = _core.isa()
    _core._use_isa(request.param)
    yield request.param
    _core._use_isa(before)
