/**
 * A proof as one JSON document that needs nothing else to be checked (docs/exact-arithmetic.md section 10). It proves
 * its own config against its own modelRoot; whether modelRoot and traceRoot are those of a receipt, positionRoot what
 * the worker has signed for the position, and `job` that of the request, is the reader's to compare.
 */
import { z } from 'zod';
import { encodeConfig } from './config';
import { ProofError } from './errors';
import { positionOf, type LeafAddress, type Tree } from './leafAddress';
import { paddingRoot } from './merkle';
import type { ExactModel } from './modelFile';
import { ModelProver, provenConfig, verifyModelPart, type ModelPart } from './modelProof';
import { blockPathLength, verifyInnerLeaf, verifyLeaf, verifyLeafInBlock } from './proof';
import type { TraceProver } from './prover';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const bytes = z.string().regex(/^([0-9a-f]{2})*$/);
const count = z.number().int().nonnegative();
/** What every proof says about the model. */
const model = {
  format: z.literal(2),
  modelRoot: hash,
  config: z.string().regex(/^[0-9a-f]{64}$/),
  configPath: z.array(hash),
};

const leaf = {
  job: z.strictObject({ promptTokens: count, outputTokens: count, t: count, topK: count }),
  address: z.strictObject({ block: count, position: count, group: count, slot: z.string(), leaf: count }),
  bytes: bytes.nullable(),
  path: z.array(hash),
};

const commitFile = z.strictObject({ ...model, kind: z.literal('commit'), traceRoot: hash, blockRoot: hash, ...leaf });
const innerFile = z.strictObject({ ...model, kind: z.literal('inner'), positionRoot: hash, ...leaf });

const partFile = z.strictObject({
  ...model,
  kind: z.literal('part'),
  address: z.union([
    z.strictObject({ part: z.enum(['config', 'tokenizer', 'exp', 'sigmoid', 'sampling']) }),
    z.strictObject({ part: z.literal('rope'), t: count }),
    z.strictObject({ part: z.literal('gains'), layer: count, of: z.enum(['q', 'k']) }),
    z.strictObject({ part: z.literal('row'), matrix: z.string(), row: count, leaf: count }),
  ]),
  bytes,
  path: z.array(hash),
});

const proofFile = z.discriminatedUnion('kind', [commitFile, innerFile, partFile]);

export type CommitProofFile = z.infer<typeof commitFile>;
export type InnerProofFile = z.infer<typeof innerFile>;
export type PartProofFile = z.infer<typeof partFile>;
/** Hashes and bytes are lowercase hex; bytes null is a padding leaf. */
export type ProofFile = CommitProofFile | InnerProofFile | PartProofFile;

const toHex = (value: Uint8Array): string => Buffer.from(value).toString('hex');
const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

function modelFields({ config, modelRoot }: ExactModel, prover: ModelProver) {
  const { path } = prover.part({ part: 'config' });
  return {
    format: 2 as const,
    modelRoot: toHex(modelRoot),
    config: toHex(encodeConfig(config)),
    configPath: path.map(toHex),
  };
}

/** The document for one leaf of the commit tree, or of the position tree of its position. */
export async function leafProofFile(
  of: ExactModel, prover: TraceProver, tree: Tree, address: LeafAddress,
): Promise<CommitProofFile | InnerProofFile> {
  const proof = await prover.leaf(tree, address);
  const common = {
    ...modelFields(of, new ModelProver(of)),
    job: await prover.shape(),
    address: proof.address,
    bytes: proof.bytes === null ? null : toHex(proof.bytes),
    path: proof.path.map(toHex),
  };
  if (tree === 'inner') {
    return { ...common, kind: 'inner', positionRoot: toHex(await prover.positionRoot(positionOf(address))) };
  }
  const { traceRoot, blockRoots } = await prover.result();
  // A block without positions holds padding leaves only.
  const blockRoot = blockRoots[address.block] ?? paddingRoot(blockPathLength(of.config));
  return { ...common, kind: 'commit', traceRoot: toHex(traceRoot), blockRoot: toHex(blockRoot) };
}

/** The document for one part of a model. */
export function partProofFile(of: ExactModel, part: ModelPart): PartProofFile {
  const prover = new ModelProver(of);
  const { address, bytes: value, path } = prover.part(part);
  return { ...modelFields(of, prover), kind: 'part', address, bytes: toHex(value), path: path.map(toHex) };
}

/**
 * Checks a document in full and returns it.
 * @throws ProofError `verification.proof.format` for another document, else as `verifyLeaf` and `verifyModelPart`;
 * ModelConfigError
 */
export function verifyProofFile(document: unknown): ProofFile {
  const parsed = proofFile.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ProofError('verification.proof.format', 'this is not a proof of format 2', {
      expected: 'the document of docs/exact-arithmetic.md section 10',
      received: issue === undefined ? undefined : `${issue.path.join('.') || 'document'}: ${issue.message}`,
    });
  }
  const file = parsed.data;
  const config = provenConfig(fromHex(file.modelRoot), fromHex(file.config), file.configPath.map(fromHex));
  const path = file.path.map(fromHex);
  if (file.kind === 'part') {
    verifyModelPart(config, fromHex(file.modelRoot), file.address, fromHex(file.bytes), path);
    return file;
  }
  const { address, job } = file;
  const value = file.bytes === null ? null : fromHex(file.bytes);
  if (file.kind === 'inner') {
    verifyInnerLeaf(config, fromHex(file.positionRoot), address, value, path, job);
    return file;
  }
  verifyLeaf(config, fromHex(file.traceRoot), address, value, path, job);
  const toBlock = path.slice(0, blockPathLength(config));
  verifyLeafInBlock(config, fromHex(file.blockRoot), address, value, toBlock, job);
  return file;
}
