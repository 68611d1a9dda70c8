/** A SHA-256 tree over leaves that come one by one: keeps one hash per level. */
import { node, paddingRoot } from './merkle';
import { depthFor } from './opTable';

export class TreeBuilder {
  /** by level: a root that waits for its right neighbour */
  private readonly waiting: (Uint8Array | undefined)[] = [];
  private count = 0;

  push(leaf: Uint8Array): void {
    let hash = leaf;
    let level = 0;
    for (; this.waiting[level]; level++) {
      hash = node(this.waiting[level]!, hash);
      this.waiting[level] = undefined;
    }
    this.waiting[level] = hash;
    this.count++;
  }

  /** Root of the tree whose depth is the smallest multiple of `step` that holds the leaves. */
  root(step = 1): Uint8Array {
    const depth = depthFor(this.count, step);
    let hash: Uint8Array | undefined;
    for (let level = 0; level < depth; level++) {
      const left = this.waiting[level];
      if (left) hash = node(left, hash ?? paddingRoot(level));
      else if (hash) hash = node(hash, paddingRoot(level));
    }
    return this.waiting[depth] ?? hash ?? paddingRoot(depth);
  }
}
