"""A whole run with its trace (docs/exact-arithmetic.md, sections 5 to 7): tokens, leaf hashes, group, block and trace
roots."""

from exact_forward import ExactForward, cut, words
from exact_sampling import draw
from exact_tree import PADDING, sha, tree_root


def head_leaves(config, leaves, d):
    """The head group's leaves: `norm`, `x`, `logits` plus those of one draw."""
    sums = [None] * dict(config.slots(config.layers + 1))["sums"]
    if d.mode == "full":
        sums = cut(d.sums, "Q", 512)
    top = [words(*(v for entry in d.entries for v in entry))] if d.mode == "top" else [None]
    return {
        **leaves,
        "max": [words(d.zmax, d.imax)],
        "top": top,
        "sums": sums,
        "draw": [words(d.kept) + d.W.to_bytes(8, "big") + words(d.token)],
    }


def flat_leaves(config, group, leaves):
    """All leaves of a group in slot order; asserts that every slot has the leaves and sizes the op table says."""
    out = []
    assert sorted(leaves) == sorted(name for name, _ in config.slots(group))
    for name, count in config.slots(group):
        assert len(leaves[name]) == count, f"{name}: {len(leaves[name])} leaves, the op table says {count}"
        assert all(leaf is None or 0 < len(leaf) <= 4096 for leaf in leaves[name]), name
        out += leaves[name]
    return out


def hash_of(leaf):
    return PADDING if leaf is None else sha(leaf)


def position_root(config, groups):
    roots = [
        tree_root([hash_of(leaf) for leaf in flat_leaves(config, g, leaves)], config.group_depth)
        for g, leaves in enumerate(groups)
    ]
    return tree_root(roots, config.token_depth, config.group_depth)


def commit_leaves(config, groups):
    """The leaves of one position in the commit tree; None is a padding leaf."""
    out = []
    for layer in groups[1 : config.layers + 1]:
        out += layer["k8"] + layer["v8"]
    return out + (groups[config.layers + 1]["draw"] if len(groups) > config.layers + 1 else [None])


class Run:
    """Greedy or seeded generation. After run(): outputs, finish ('stop' or 'length'), positions = [[{slot: leaves}]]
    per position and group, position_roots, commit_roots (of every position in the commit tree), block_roots,
    trace_root, draws."""

    def __init__(self, model, prompt, sampling, max_tokens, stop=(), keep_leaves=lambda position: True):
        c = model.config
        sampling.check()
        if not (
            prompt
            and max_tokens >= 1
            and len(prompt) + max_tokens - 1 <= c.context
            and all(0 <= t < c.vocab for t in (*prompt, *stop))
        ):
            raise ValueError("job: token counts or ids outside the limits")
        self.model, self.config, self.prompt, self.sampling = model, c, list(prompt), sampling
        self.max_tokens, self.stop, self.keep_leaves = max_tokens, set(stop), keep_leaves
        self.outputs, self.draws, self.positions, self.finish = [], [], {}, None
        self.position_roots, self.commit_roots = [], []

    def run(self):
        forward = ExactForward(self.model)
        token, t = self.prompt[0], 0
        while True:
            with_head = t >= len(self.prompt) - 1
            groups, logits = forward.step(token, with_head)
            if with_head:
                d = draw(logits, self.sampling, len(self.outputs), self.model.tables.sampling)
                groups[-1] = head_leaves(self.config, groups[-1], d)
                self.draws.append(d)
                self.outputs.append(d.token)
            if self.keep_leaves(t):
                self.positions[t] = groups
            self.position_roots.append(position_root(self.config, groups))
            leaves = [hash_of(leaf) for leaf in commit_leaves(self.config, groups)]
            self.commit_roots.append(tree_root(leaves, self.config.commit_depth))
            if with_head and (d.token in self.stop or len(self.outputs) == self.max_tokens):
                self.finish = "stop" if d.token in self.stop else "length"
                break
            t += 1
            token = self.prompt[t] if t < len(self.prompt) else d.token
        self.fold()
        return self

    def fold(self):
        c, roots = self.config, self.commit_roots
        self.block_roots = [tree_root(roots[at : at + 32], 5, c.commit_depth) for at in range(0, len(roots), 32)]
        self.trace_root = tree_root(self.block_roots, c.block_depth, c.commit_depth + 5)
