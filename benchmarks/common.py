"""What the benchmarks of the suite share: a base that measures one call and gives the figures that asv tracks."""

import statistics
from abc import ABC, abstractmethod

import numpy as np

import nhwc
from nhwc.cli import layers
from nhwc.cli.measure import measure, sample_times

SECONDS = 0.3  # measuring time of one figure
CALLS = 20  # of a sample of `time_calls`

# What is tracked of a call: method, unit, text, and the figure made from seconds, multiply-adds and the peak.
FIGURES = (
    (
        "track_time_per_work",
        "ns / 1000 multiply-adds",
        "time by work",
        "Median time for 1000 multiply-adds of the plain sum; lower is better, 2000 divided by it is GFLOP/s.",
        lambda seconds, macs, peak: 1e12 * seconds / macs,
    ),
    (
        "track_peak_lost",
        "% of FMA peak lost",
        "percent of FMA peak lost",
        "100 less the percentage that the call reaches of multiply-adds on registers alone, measured in the same run; "
        "lower is better, below 0 where fewer multiplications than the plain sum do.",
        lambda seconds, macs, peak: 100 - 200e-9 * macs / seconds / peak,
    ),
    (
        "track_gflops",
        "GFLOP/s, higher is better",
        "GFLOP/s (higher is better)",
        "Two operations for each multiply-add over the median time; without detection of regressions.",
        lambda seconds, macs, peak: 2e-9 * macs / seconds,
    ),
)


class Work(ABC):
    """A call that computes multiply-adds. A subclass says `what` it measures and prepares it; this adds the figures.

    asv passes over this class itself, because it is abstract.
    """

    what = ""
    figures = FIGURES
    param_names = ("layer",)
    threads = 1
    itemsize = 4
    timeout = 120
    rounds, repeat, warmup_time = 4, (3, 20, 0.3), 0.05  # of `time_calls`: short turns

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name, unit, text, description, figure in cls.figures:
            setattr(cls, name, _track(name, unit, f"{cls.what}: {text}", description, figure))
        cls.time_calls = _time(f"{cls.what}: time of {CALLS} calls")

    @abstractmethod
    def prepare(self, *params):
        """The call, its multiply-adds, and the bytes that it moves at least."""

    def setup(self, *params):
        nhwc.set_num_threads(self.threads)
        self.call, self.macs, self.traffic = self.prepare(*params)
        self.call()


def _track(name, unit, pretty_name, description, figure):
    """A method as asv wants it; its `version` stays while it means the same, so that results stay comparable."""

    def track(self, *params):
        timing = measure(self.call, SECONDS, self.threads, self.traffic, self.itemsize)
        return figure(timing.median, self.macs, timing.fma_peak)

    track.__name__, track.__doc__ = name, description
    track.unit, track.pretty_name, track.version = unit, pretty_name, "1"
    return track


def _time(pretty_name):
    """A method whose time asv takes itself, by which it compares two commits in turns.

    Several calls, because asv sets up anew for each sample: the caches are cold.
    """

    def time_calls(self, *params):
        for _ in range(CALLS):
            self.call()

    time_calls.__doc__ = f"Time of {CALLS} calls by asv's clock, for comparisons of two commits; lower is better."
    time_calls.pretty_name, time_calls.version = pretty_name, "1"
    return time_calls


def seconds(call):
    """The median time of a call, with warm caches."""
    return statistics.median(sample_times(call, SECONDS))


def names(*sets):
    """Names of the layers of the package's table that are in one of these sets; toys are given as overhead."""
    return tuple(layer.name for layer in layers.select(None, list(sets)) if not layer.toy)


def forward(name, dtype="float32", **options):
    """A plan of this layer that writes into a ready array, as `Work.prepare` returns it."""
    layer = layers.layer(name)
    x, filters = layer.data() if dtype == "float32" else layer.data(dtype)
    plan = getattr(nhwc, f"plan_conv{layer.dims}d")(x.shape, filters, **layer.options, **options)
    y = np.empty(plan.output_shape, plan.dtype)
    return lambda: plan(x, out=y), layer.macs, x.nbytes + filters.nbytes + y.nbytes
