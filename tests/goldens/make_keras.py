"""Makes keras.npz, what Keras 3 computes for the layers and the training of tests/test_keras.py.

Run once where tensorflow is installed, with this folder as the working directory::

    CUDA_VISIBLE_DEVICES= TF_ENABLE_ONEDNN_OPTS=0 python make_keras.py

The cases are data: `cases.py` lists them for this script and for the test, which builds the same layers from `nhwc`.
"""

import numpy as np
from cases import LAYERS, NETWORKS, TRAININGS, inputs, start

import keras  # isort: skip


def main():
    saved = {"keras_version": np.array(keras.__version__)}
    for name, (make, shape) in LAYERS.items():
        model = keras.Sequential([keras.Input(shape[1:]), make(keras.layers)])
        model.set_weights(start(name, [w.shape for w in model.get_weights()]))
        saved[f"layer/{name}"] = np.asarray(model(inputs(name, shape)))
    for name, (stack, shape) in NETWORKS.items():
        model = keras.Sequential([keras.Input(shape[1:]), *stack(keras.layers)])
        model.set_weights(start(name, [w.shape for w in model.get_weights()]))
        saved[f"network/{name}"] = model.predict(inputs(name, shape), verbose=0)
    for name, case in TRAININGS.items():
        model = keras.Sequential([keras.Input(case["shape"][1:]), *case["stack"](keras.layers)])
        model.set_weights(start(name, [w.shape for w in model.get_weights()]))
        model.compile(case["optimizer"](keras.optimizers), case["loss"](keras.losses), metrics=case.get("metrics"))
        x = inputs(name, case["shape"])
        history = model.fit(x, case["truth"](x), epochs=20, batch_size=len(x), shuffle=False, verbose=0)
        for key, values in history.history.items():
            saved[f"training/{name}/{key}"] = np.array(values)
        saved[f"training/{name}/evaluate"] = np.array(model.evaluate(x, case["truth"](x), verbose=0))
    lines = []
    keras.utils.clear_session()
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(),
                              keras.layers.Flatten(), keras.layers.Dense(2)], name="small")  # fmt: skip
    model.compile("adam", "mse")
    model.fit(np.zeros((2, 8, 8, 1)), np.zeros((2, 2)), verbose=0)
    model.summary(60, print_fn=lambda text, **_: lines.append(text))
    saved["summary"] = np.array("\n".join(lines))
    np.savez_compressed(
        "keras.npz", **{k: v.astype(np.float32) if v.dtype == np.float64 else v for k, v in saved.items()}
    )


if __name__ == "__main__":
    main()
