"""What the package costs before it computes: import time, bytes, memory; and the largest error of each class."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

import nhwc
from nhwc.cli import layers
from nhwc.cli.measure import sampled_error


class Package:
    timeout = 120

    def timeraw_import(self):
        """A new process that imports the package."""
        return "import nhwc"

    def timeraw_import_of_numpy_alone(self):
        """A new process that imports what the package imports first."""
        return "import numpy"

    def track_wheel_bytes(self):
        """The installed files, packed as a wheel packs them."""
        packed, folder = io.BytesIO(), Path(nhwc.__file__).parent
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
            for path in folder.rglob("*"):
                if path.is_file() and "__pycache__" not in path.parts:
                    wheel.write(path, path.relative_to(folder))
        return packed.getbuffer().nbytes

    def track_peak_memory(self):
        """The most memory that a process had which ran one layer."""
        return _peak(
            "import nhwc; from nhwc.cli.layers import layer\n"
            "l = layer('vgg_3x3_112x128_128'); x, f = l.data(); nhwc.conv2d(x, f, **l.options)"
        )

    def track_peak_memory_empty(self):
        """The same process, which makes the data and runs nothing: its empty twin."""
        return _peak(
            "import nhwc; from nhwc.cli.layers import layer\nl = layer('vgg_3x3_112x128_128'); x, f = l.data()"
        )

    timeraw_import.pretty_name = "import nhwc"
    timeraw_import_of_numpy_alone.pretty_name = "import numpy alone"
    track_wheel_bytes.pretty_name = "bytes of a wheel"
    track_peak_memory.pretty_name = "peak memory, one conv2d"
    track_peak_memory_empty.pretty_name = "peak memory, data only"
    track_wheel_bytes.unit = track_peak_memory.unit = track_peak_memory_empty.unit = "bytes"
    track_wheel_bytes.version = track_peak_memory.version = track_peak_memory_empty.version = "1"


def _peak(program):
    # Linux; getrusage would begin with the parent's.
    measure = "\nprint(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    words = [sys.executable, "-c", program + measure]
    return 1024 * int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


class Error:
    params = layers.all_sets()
    param_names = ("set",)
    timeout = 300

    def track_max_error(self, name):
        """The largest error of a result by the largest result, over the layers of a set."""
        worst = 0.0
        for layer in layers.select(None, [name]):
            x, filters = layer.data()
            y = getattr(nhwc, f"conv{layer.dims}d")(x, filters, **layer.options)
            worst = max(worst, sampled_error(layer, x, filters, y, pixels=32))
        return float(np.float64(worst))

    track_max_error.pretty_name, track_max_error.unit = "largest error", "of the largest result"
    track_max_error.version = "1"
