"""What holds for every test: a property is not judged by the time it takes, which on a busy machine says nothing about it."""

from hypothesis import HealthCheck, settings

settings.register_profile("baton", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("baton")
