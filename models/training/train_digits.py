"""Trains the digit classifier of the zk tier and writes its integer model; needs numpy, and takes half a minute.

  python3 models/training/train_digits.py --data digits.csv.gz --model models/digits-8x8.json --held-out models/digits-8x8-held-out.json

`digits.csv.gz` lies in Debian's python3-sklearn (sklearn/datasets/data). Its first 1,347 images train, its last 450 are held out. First a
network of floats with ReLU, then the same with every integer of the exact arithmetic in its forward pass and straight-through
gradients, so that nothing is lost by rounding afterwards. Same seed and numpy give the same model.
"""

import argparse
import gzip
import json

import numpy as np

TRAINING = 1347
HIDDEN = 64
INPUT_BITS, WEIGHT_BITS, BIAS_BITS, VALUE_BITS = 4, 6, 16, 4
FLOAT_EPOCHS, INTEGER_EPOCHS, BATCH = 500, 200, 64
DROPOUT, DECAY = 0.25, 1e-4
SIDE, CLASSES = 8, 10


def load(path):
    """Images float64 [n, 64] of whole numbers 0 to 15 (the file's 16 becomes 15), labels int64 [n]."""
    table = np.loadtxt(gzip.open(path), delimiter=",").astype(int)
    return np.minimum(table[:, :64], 2**INPUT_BITS - 1).astype(float), table[:, 64]


def distort(images, rng):
    """Turned, scaled, sheared, moved and noisy copies of images [n, 64], 85 % of them."""
    n = len(images)
    angle, shear = rng.uniform(-0.25, 0.25, n), rng.uniform(-0.15, 0.15, n)
    scale, move = np.exp(rng.uniform(-0.15, 0.15, (2, n))), rng.uniform(-0.9, 0.9, (2, n))
    grid = np.arange(SIDE) - (SIDE - 1) / 2
    to_y, to_x = (axis.ravel() for axis in np.meshgrid(grid, grid, indexing="ij"))
    cos, sin = np.cos(angle), np.sin(angle)
    from_x = (cos / scale[0])[:, None] * to_x + ((sin + shear) / scale[0])[:, None] * to_y + move[0][:, None] + (SIDE - 1) / 2
    from_y = (-sin / scale[1])[:, None] * to_x + (cos / scale[1])[:, None] * to_y + move[1][:, None] + (SIDE - 1) / 2
    x0, y0 = np.floor(from_x).astype(int), np.floor(from_y).astype(int)
    fx, fy = from_x - x0, from_y - y0
    padded = np.zeros((n, SIDE + 4, SIDE + 4))
    padded[:, 2:-2, 2:-2] = images.reshape(-1, SIDE, SIDE)

    def at(y, x):
        return padded[np.arange(n)[:, None], np.clip(y + 2, 0, SIDE + 3), np.clip(x + 2, 0, SIDE + 3)]

    moved = (1 - fy) * ((1 - fx) * at(y0, x0) + fx * at(y0, x0 + 1)) + fy * ((1 - fx) * at(y0 + 1, x0) + fx * at(y0 + 1, x0 + 1))
    noisy = moved * np.exp(rng.normal(0, 0.1, (n, 1))) + rng.normal(0, 0.7, moved.shape) * (moved > 0)
    seen = np.clip(np.round(noisy), 0, 2**INPUT_BITS - 1)
    untouched = rng.random(n) >= 0.85
    seen[untouched] = images[untouched]
    return seen


class Adam:
    def __init__(self, parameters):
        self.parameters, self.steps = parameters, 0
        self.means, self.squares = ([np.zeros_like(p) for p in parameters] for _ in range(2))

    def step(self, gradients, rate):
        self.steps += 1
        for p, g, m, v in zip(self.parameters, gradients, self.means, self.squares):
            m += 0.1 * (g - m)
            v += 0.001 * (g * g - v)
            p -= rate * (m / (1 - 0.9**self.steps)) / (np.sqrt(v / (1 - 0.999**self.steps)) + 1e-9)


def loss_gradient(logits, labels):
    """Of the mean cross entropy by the logits [n, classes]."""
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(labels)), labels] -= 1
    return p / len(labels)


def batches(images, labels, epochs, rng):
    """(fraction of the training done, images, labels)"""
    for epoch in range(epochs):
        seen, order = distort(images, rng), rng.permutation(len(images))
        for i in range(0, len(images), BATCH):
            part = order[i : i + BATCH]
            yield epoch / epochs, seen[part], labels[part]


def cosine(done):
    return 0.5 + 0.5 * np.cos(np.pi * done)


def train_float(images, labels, rng):
    """[W1, b1, W2, b2] for inputs divided by 2^INPUT_BITS."""
    w1, b1 = rng.normal(0, (2 / 64) ** 0.5, (HIDDEN, 64)), np.zeros(HIDDEN)
    w2, b2 = rng.normal(0, (1 / HIDDEN) ** 0.5, (CLASSES, HIDDEN)), np.zeros(CLASSES)
    parameters = [w1, b1, w2, b2]
    optimizer = Adam(parameters)
    for done, x, y in batches(images, labels, FLOAT_EPOCHS, rng):
        x = x / 2**INPUT_BITS
        a = x @ w1.T + b1
        mask = (rng.random(a.shape) > DROPOUT) / (1 - DROPOUT)
        h = np.maximum(a, 0) * mask
        g = loss_gradient(h @ w2.T + b2, y)
        gh = g @ w2 * mask * (a > 0)
        optimizer.step([gh.T @ x + DECAY * w1, gh.sum(0), g.T @ h + DECAY * w2, g.sum(0)], 3e-3 * cosine(done))
    return parameters


def float_logits(parameters, images):
    w1, b1, w2, b2 = parameters
    return np.maximum(images / 2**INPUT_BITS @ w1.T + b1, 0) @ w2.T + b2


def whole(weights):
    return np.clip(np.round(weights), -(2 ** (WEIGHT_BITS - 1)), 2 ** (WEIGHT_BITS - 1) - 1)


def integer_forward(parameters, shift, images):
    """(hidden sums, hidden values, logits), all whole numbers: the arithmetic of docs/zk-circuits.md."""
    w1, b1, w2, b2 = parameters
    sums = images @ whole(w1).T + np.round(b1)
    values = np.clip(np.floor((sums + 2 ** (shift - 1)) / 2**shift), 0, 2**VALUE_BITS - 1)
    return sums, values, values @ whole(w2).T + np.round(b2)


def train_integer(parameters, images, labels, rng):
    """([W1, b1, W2, b2] as floats in integer units, shift)"""
    w1, b1, w2, b2 = parameters
    top = 2 ** (WEIGHT_BITS - 1) - 1
    scale1, scale2 = (1.3 * top / np.abs(w).max() for w in (w1, w2))
    largest = np.quantile(np.maximum(images / 2**INPUT_BITS @ w1.T + b1, 0), 0.9995)
    shift = int(np.round(np.log2(largest * 2**INPUT_BITS * scale1 / (2**VALUE_BITS - 1))))
    unit = 2**shift / (2**INPUT_BITS * scale1)
    integers = [w1 * scale1, b1 * scale1 * 2**INPUT_BITS, w2 * scale2, b2 * scale2 / unit]
    optimizer = Adam(integers)
    for done, x, y in batches(images, labels, INTEGER_EPOCHS, rng):
        sums, values, logits = integer_forward(integers, shift, x)
        g = loss_gradient(logits * unit / scale2, y) * unit / scale2
        inside = (sums > -(2**shift) / 2) & (sums < 2 ** (shift + VALUE_BITS))
        gh = g @ whole(integers[2]) / 2**shift * inside
        optimizer.step([gh.T @ x, gh.sum(0), g.T @ values, g.sum(0)], 1e-3 * top * cosine(done))
    return integers, shift


def rows(table):
    return "[\n" + ",\n".join("    " + json.dumps([int(x) for x in row], separators=(",", ":")) for row in table) + "\n  ]"


def layer(weights, bias, end=""):
    return f'{{"kind": "dense", "weights": {rows(whole(weights))},\n  "bias": {json.dumps([int(x) for x in np.round(bias)], separators=(",", ":"))}{end}}}'


def write_model(path, integers, shift):
    w1, b1, w2, b2 = integers
    end = f', "requantise": {{"multiplier": 1, "shift": {shift}, "bits": {VALUE_BITS}}}'
    with open(path, "w") as out:
        out.write('{"format": "cocoon-circuit-model-1", "name": "digits-8x8",\n')
        out.write(f'"input": {{"height": {SIDE}, "width": {SIDE}, "channels": 1, "minimum": 0, "bits": {INPUT_BITS}}},\n')
        out.write(f'"range": {{"weightBits": {WEIGHT_BITS}, "biasBits": {BIAS_BITS}}},\n')
        out.write(f'"layers": [\n  {layer(w1, b1, end)},\n  {layer(w2, b2)}\n],\n"verdict": "argmax"}}\n')


def write_held_out(path, images, labels, accuracies):
    """Images as 64 hexadecimal digits, row by row."""
    lines = [json.dumps(["".join(f"{int(x):x}" for x in image), int(label)]) for image, label in zip(images, labels)]
    with open(path, "w") as out:
        out.write(f'{{"accuracyFloat": {accuracies[0]:.4f}, "accuracyInteger": {accuracies[1]:.4f}, "digits": [\n')
        out.write(",\n".join(lines) + "\n]}\n")


def main():
    parser = argparse.ArgumentParser()
    for name in ("--data", "--model", "--held-out"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    images, labels = load(options.data)
    rng = np.random.default_rng(0)
    floats = train_float(images[:TRAINING], labels[:TRAINING], rng)
    integers, shift = train_integer(floats, images[:TRAINING], labels[:TRAINING], rng)
    held_out, expected = images[TRAINING:], labels[TRAINING:]
    logits = float_logits(floats, held_out), integer_forward(integers, shift, held_out)[2]
    accuracies = [float((z.argmax(1) == expected).mean()) for z in logits]
    write_model(options.model, integers, shift)
    write_held_out(options.held_out, held_out, expected, accuracies)
    print(json.dumps({"accuracyFloat": accuracies[0], "accuracyInteger": accuracies[1], "shift": shift}))


if __name__ == "__main__":
    main()
