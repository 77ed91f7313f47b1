"""Generated cases must not fail for the machine being busy."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("rechenwerk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rechenwerk")
