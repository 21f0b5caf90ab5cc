"""Garbage is looked for again once modules are loaded."""

from __future__ import annotations

import gc

import pytest

from poise.system.quick_loading import quick_loading


def test_no_garbage_is_looked_for_within_and_then_it_is_again() -> None:
    assert gc.isenabled()
    with quick_loading():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_is_again_where_loading_failed() -> None:
    with pytest.raises(ImportError), quick_loading():
        raise ImportError
    assert gc.isenabled()


def test_where_no_garbage_is_looked_for_it_stays_so() -> None:
    gc.disable()
    try:
        with quick_loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
