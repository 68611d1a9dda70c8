/** Proofs against the independent program, bit for bit; proofs of what a model consists of; proofs as documents. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ModelProver, ProofError, TraceProver, leafProofFile, loadModel, partProofFile, provenConfig, verifyChildren,
  verifyInnerLeaf, verifyLeaf, verifyModelPart, verifyProofFile, type LeafAddress, type ModelPart, type ModelProof, type NodeAddress, type Tree,
} from '../../exact';
import { encodeConfig } from '../../exact/config';
import { commitAddressAt, innerAddressAt, leafIndex, positionOf } from '../../exact/leafAddress';
import { matrixShapes } from '../../exact/modelFile';
import { modelPlace } from '../../exact/modelProof';
import { CocoonError } from '../../protocol';
import { MODELS, hex, modelPath, readVectors, samplingOf, type RunVector } from './support';

interface GoldenTree {
  leaves: { address: LeafAddress; index: number; bytes: string | null; path: string[] }[];
  nodes: (NodeAddress & { children: string[] })[];
}

interface Golden {
  model: string;
  modelRoot: string;
  parts: { address: ModelPart; bytes: string; path: string[] }[];
  traces: (GoldenTree & {
    run: string;
    traceRoot: string;
    blockRoots: string[];
    /** position trees */
    positions: (GoldenTree & { t: number; positionRoot: string })[];
  })[];
}

const goldens = readVectors<Golden[]>('proofs');
const model = loadModel(modelPath('grouped'));
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const refusal = (code: string) => (error: unknown) => error instanceof ProofError && error.code === code;
const flip = (bytes: Uint8Array, bit: number): Uint8Array =>
  Uint8Array.from(bytes, (byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));

function proverOf(name: string, of = model, ofModel = 'grouped'): TraceProver {
  const { runs } = readVectors<{ runs: RunVector[] }>(ofModel);
  const run = runs.find((r) => r.name === name) ?? assert.fail(`no run ${name}`);
  const { prompt: promptTokens, maxTokens, stop: stopTokens } = run;
  const sampling = samplingOf(run.sampling);
  return new TraceProver(of, { promptTokens, maxTokens, stopTokens, sampling }, run.outputs);
}

for (const golden of goldens) {
  const model = loadModel(modelPath(golden.model));
  const { config } = model;

  for (const trace of golden.traces) {
    test(`model "${golden.model}", run "${trace.run}": leaves, paths and children equal the vectors`, async () => {
      const prover = proverOf(trace.run, model, golden.model);
      const { traceRoot, blockRoots } = await prover.result();
      const job = await prover.shape();
      assert.equal(hex(traceRoot), trace.traceRoot);
      assert.deepEqual(blockRoots.map(hex), trace.blockRoots);
      for (const { address, index, bytes, path } of trace.leaves) {
        assert.equal(leafIndex(config, 'commit', address), index, JSON.stringify(address));
        assert.deepEqual(commitAddressAt(config, index), address);
        verifyLeaf(config, traceRoot, address, bytes === null ? null : bytesOf(bytes), path.map(bytesOf), job);
        await assertLeaf(prover, 'commit', { address, bytes, path });
      }
      for (const { children, ...node } of trace.nodes) {
        assert.deepEqual((await prover.children(node)).map(hex), children, JSON.stringify(node));
      }
      const [root] = trace.nodes;
      verifyChildren(config, 'commit', traceRoot, { depth: 0, index: 0 }, root.children.map(bytesOf));
      for (const { t, positionRoot, leaves, nodes } of trace.positions) {
        assert.equal(hex(await prover.positionRoot(t)), positionRoot);
        for (const { address, index, bytes, path } of leaves) {
          assert.equal(positionOf(address), t);
          assert.equal(leafIndex(config, 'inner', address), index, JSON.stringify(address));
          assert.deepEqual(innerAddressAt(config, t, index), address);
          const value = bytes === null ? null : bytesOf(bytes);
          verifyInnerLeaf(config, bytesOf(positionRoot), address, value, path.map(bytesOf), job);
          await assertLeaf(prover, 'inner', { address, bytes, path });
        }
        for (const { children, ...node } of nodes) {
          assert.deepEqual((await prover.innerChildren(t, node)).map(hex), children, JSON.stringify(node));
          if (node.depth > 0) continue;
          verifyChildren(config, 'inner', bytesOf(positionRoot), node, children.map(bytesOf));
        }
      }
    });
  }

  test(`parts of model "${golden.model}" equal those of the independent program`, () => {
    assert.equal(golden.modelRoot, hex(model.modelRoot));
    const prover = new ModelProver(model);
    for (const { address, bytes, path } of golden.parts) {
      verifyModelPart(config, model.modelRoot, address, bytesOf(bytes), path.map(bytesOf));
      const ours = prover.part(address);
      assert.equal(hex(ours.bytes), bytes, JSON.stringify(address));
      assert.deepEqual(ours.path.map(hex), path, JSON.stringify(address));
    }
  });
}

async function assertLeaf(
  prover: TraceProver, tree: Tree, expected: { address: LeafAddress; bytes: string | null; path: string[] },
): Promise<void> {
  const ours = await prover.leaf(tree, expected.address);
  assert.equal(ours.bytes === null ? null : hex(ours.bytes), expected.bytes, JSON.stringify(expected.address));
  assert.deepEqual(ours.path.map(hex), expected.path, JSON.stringify(expected.address));
}

const FIXED: ModelPart[] = (['config', 'tokenizer', 'exp', 'sigmoid', 'sampling'] as const).map((part) => ({ part }));

for (const name of MODELS) {
  test(`model "${name}": config, tokenizer, tables and any row prove; any bent bit fails`, () => {
    const other = loadModel(modelPath(name));
    const prover = new ModelProver(other);
    const shapes = matrixShapes(other.config);
    const check = ({ address, bytes, path }: ModelProof, root = other.modelRoot) =>
      verifyModelPart(other.config, root, address, bytes, path);
    const parts: ModelPart[] = [
      ...FIXED,
      ...[0, 1, other.config.context - 1].map((t) => ({ part: 'rope' as const, t })),
      ...shapes.flatMap(({ name: matrix, rows }) =>
        [0, rows - 1].map((row) => ({ part: 'row' as const, matrix, row, leaf: 0 }))),
    ];
    const seen = new Set(parts.map((part) => {
      const { depth, index } = modelPlace(other.config, part);
      return `${depth}:${index}`;
    }));
    assert.equal(seen.size, parts.length, 'no two parts have one place');
    parts.forEach((part) => check(prover.part(part)));
    const field = fc.constantFrom('bytes', 'path', 'root', 'address');
    fc.assert(
      fc.property(fc.nat(parts.length - 1), field, fc.nat(1e6), (i, what, n) => {
        const proof = prover.part(parts[i]);
        const bend = {
          bytes: () => check({ ...proof, bytes: flip(proof.bytes, n % (8 * proof.bytes.length)) }),
          path: () => check({
            ...proof, path: proof.path.map((h, j) => (j === n % proof.path.length ? flip(h, n % 256) : h)),
          }),
          root: () => check(proof, flip(other.modelRoot, n % 256)),
          address: () => check({ ...proof, address: parts[(i + 1 + (n % (parts.length - 1))) % parts.length] }),
        };
        assert.throws(bend[what as keyof typeof bend], ProofError, `${what} of ${JSON.stringify(parts[i])}`);
      }),
      { numRuns: 60, seed: 20261126 },
    );
  });
}

test('a proof under another config, of another length, or of a part that is not there is refused', () => {
  const { config, modelRoot } = model;
  const prover = new ModelProver(model);
  const proof = prover.part({ part: 'config' });
  assert.deepEqual(provenConfig(modelRoot, proof.bytes, proof.path), config);
  const other = { ...config, epsTerm: config.epsTerm + 1 };
  const check = (c: typeof config, address: ModelPart, bytes = proof.bytes, path = proof.path) => () =>
    verifyModelPart(c, modelRoot, address, bytes, path);
  assert.throws(check(other, { part: 'config' }), refusal('verification.proof.bytes'));
  assert.throws(check(other, { part: 'config' }, encodeConfig(other)), refusal('verification.proof.root'));
  assert.throws(check(config, { part: 'tokenizer' }, new Uint8Array(23)), refusal('verification.proof.bytes'));
  const short = check(config, { part: 'config' }, proof.bytes, proof.path.slice(1));
  assert.throws(short, refusal('verification.proof.path'));
  const row = { part: 'row', matrix: 'head', row: 0, leaf: 0 } as const;
  const absent: [ModelPart, string][] = [
    [{ part: 'rope', t: config.context }, 't'], [{ ...row, matrix: 'tail' }, 'matrix'], [{ ...row, row: 300 }, 'row'],
    [{ ...row, leaf: 1 }, 'leaf'], [{ part: 'nothing' } as unknown as ModelPart, 'part'],
  ];
  for (const [address, field] of absent) {
    assert.throws(check(config, address), refusal(`verification.proof.${field}`));
    assert.throws(() => prover.part(address), refusal(`input.model.${field}`));
  }
});

test('a document of a proof checks alone, and not when any of its hex digits is another', async () => {
  const address = { block: 0, position: 5, group: 3, slot: 'draw', leaf: 0 };
  const prover = proverOf('top-k');
  const leaves = [await leafProofFile(model, prover, 'commit', address), await leafProofFile(model, prover, 'inner', address)];
  for (const file of [...leaves, partProofFile(model, { part: 'rope', t: 3 })]) {
    const text = JSON.stringify(file);
    assert.deepEqual(verifyProofFile(JSON.parse(text)), file);
    const digits = [...text.matchAll(/"([0-9a-f]{32,})"/g)].flatMap(({ index, 1: value }) =>
      Array.from(value, (_, i) => index + 1 + i));
    assert.ok(digits.length > 64 * file.path.length);
    fc.assert(
      fc.property(fc.nat(digits.length - 1), fc.integer({ min: 1, max: 15 }), (i, change) => {
        const digit = (parseInt(text[digits[i]], 16) ^ change).toString(16);
        const bent = text.slice(0, digits[i]) + digit + text.slice(digits[i] + 1);
        assert.throws(() => verifyProofFile(JSON.parse(bent)), CocoonError, `digit at ${digits[i]}`);
      }),
      { numRuns: 300, seed: 20261126 },
    );
  }
});

test('a document of another form is refused by the field that is wrong, never by a crash', async () => {
  const file = partProofFile(model, { part: 'exp' });
  const bent: unknown[] = [
    null, [], 'proof', {},
    ...[
      { format: 1 }, { kind: 'leaf' }, { more: 1 }, { bytes: 'A0' }, { bytes: null }, { path: 'x' },
      { modelRoot: '00' }, { address: { part: 'rope' } },
    ].map((change) => ({ ...file, ...change })),
  ];
  for (const document of bent) assert.throws(() => verifyProofFile(document), refusal('verification.proof.format'));
  assert.throws(() => verifyProofFile({ ...file, path: [] }), refusal('verification.proof.path'));
  assert.throws(() => verifyProofFile({ ...file, configPath: [] }), refusal('verification.proof.path'));
  const address = { block: 0, position: 0, group: 1, slot: 'v8', leaf: 0 };
  const prover = proverOf('greedy');
  const commit = await leafProofFile(model, prover, 'commit', address);
  const inner = await leafProofFile(model, prover, 'inner', address);
  for (const leaf of [commit, inner]) {
    const job = { ...leaf.job, outputTokens: leaf.job.outputTokens + 40 };
    const text = 'a job is a claim that only shapes are held to';
    assert.deepEqual(verifyProofFile({ ...leaf, job }).address, address, text);
    assert.throws(() => verifyProofFile({ ...leaf, kind: 'part' }), refusal('verification.proof.format'));
  }
  const { traceRoot } = commit as { traceRoot?: string };
  assert.throws(() => verifyProofFile({ ...commit, blockRoot: traceRoot }), refusal('verification.proof.root'));
  assert.throws(() => verifyProofFile({ ...inner, positionRoot: traceRoot }), refusal('verification.proof.root'));
  assert.throws(() => verifyProofFile({ ...inner, kind: 'commit' }), refusal('verification.proof.format'));
});
