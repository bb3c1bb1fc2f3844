"""Counts of several models in one server do not run into each other."""

from baton.serving.metrics import ServingMetrics


def test_each_model_keeps_its_own_counts() -> None:
    whole = ServingMetrics()
    one, two = whole.of("churn-eu"), whole.of("churn-us")
    one.loaded(1, [("live", 1)])
    two.loaded(7, [("live", 1)])
    one.answered("live", 1, 3)
    two.answered("live", 1, 5)
    two.unknown("carrier", 2)
    two.failed("live", 1)
    two.loaded(8, [("live", 2)])
    told = whole.exposition().decode()
    for line in (
        'baton_predictions_total{model="churn-eu",variant="live",version="1"} 3.0',
        'baton_unknown_categories_total{feature="carrier",model="churn-us"} 2.0',
        'baton_routing_serial{model="churn-eu"} 1.0',
        'baton_routing_serial{model="churn-us"} 8.0',
        'baton_serving_version{model="churn-us",variant="live"} 2.0',
    ):
        assert line in told.splitlines()
    assert 'baton_predictions_total{model="churn-us"' not in told, "the version left, and its labels with it"


def test_an_only_model_needs_no_name() -> None:
    whole = ServingMetrics()
    assert "baton_routing_serial 0.0" in whole.exposition().decode()
    whole.loaded(3, [("live", 1)])
    whole.answered("live", 1, 2)
    told = whole.exposition().decode().splitlines()
    assert {"baton_routing_serial 3.0", 'baton_predictions_total{variant="live",version="1"} 2.0'} <= set(told)
