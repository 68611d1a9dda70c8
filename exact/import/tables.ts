/** The tables section of a model file (docs/exact-arithmetic.md section 3), by the formulas it gives. */
import { sha256, node } from '../merkle';
import { ropeLeaf } from './rope';
import { TreeBuilder } from '../treeBuilder';

/** exp, sigmoid and sampling: equal in every model. */
export function standardTables(): { exp: Buffer; sigmoid: Buffer; sampling: Buffer } {
  const exp = Buffer.alloc(512);
  for (let i = 0; i < 256; i++) exp.writeUInt16BE(Math.round(65535 * 2 ** (-i / 256)), 2 * i);
  const sigmoid = Buffer.alloc(1026);
  for (let i = 0; i < 512; i++) sigmoid.writeUInt16BE(Math.round(32768 / (1 + Math.exp(-i / 64))), 2 * i);
  sigmoid.writeUInt16BE(32768, 1024);
  const sampling = Buffer.alloc(3072);
  for (let i = 0; i < 1024; i++) sampling.writeUIntBE(Math.round((2 ** 24 - 1) * 2 ** (-i / 1024)), 3 * i, 3);
  return { exp, sigmoid, sampling };
}

/**
 * All tables one behind the other, and their root.
 * @param gains leaves of the head norms (shift, then gains) in file order; none without head norms
 */
export function tablesSection(
  frequencies: Float64Array, context: number, gains: readonly Buffer[],
): { section: Buffer; root: Uint8Array } {
  const { exp, sigmoid, sampling } = standardTables();
  const ropeTree = new TreeBuilder();
  const rope = Array.from({ length: context }, (_, t) => ropeLeaf(frequencies, t));
  rope.forEach((leaf) => ropeTree.push(sha256(leaf)));
  const gainTree = new TreeBuilder();
  gains.forEach((leaf) => gainTree.push(sha256(leaf)));
  const turns = gains.length > 0 ? node(ropeTree.root(), gainTree.root()) : ropeTree.root();
  const root = node(node(sha256(exp), sha256(sigmoid)), node(sha256(sampling), turns));
  return { section: Buffer.concat([exp, sigmoid, sampling, ...rope, ...gains]), root };
}
