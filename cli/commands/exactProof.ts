import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import {
  TraceProver, leafProofFile, verifyProofFile, type LeafAddress, type ProofFile, type Tree,
} from '../../exact';
import { openModel } from '../../worker/engine';
import { contextOf, withSettings } from '../context';
import { UsageError, VerificationError } from '../errors';
import { readInference, withInference } from '../inference';

const LEAF_FORM = 'block/position/group/slot/leaf, such as 0/3/1/q/0';

/** `cocoon exact prove`: runs the model and proves one leaf of the trace. */
export function proveCommand(): Command {
  return withInference(withSettings(new Command('prove'), ['model', 'maxTokens']))
    .description('run the exact model once on the reference back end and prove one leaf of it')
    .option('--commit <address>', 'a leaf of the commit tree, which the receipt names: slot k8, v8 or draw')
    .option('--inner <address>', `a leaf of the position tree, any slot; both are written ${LEAF_FORM}`)
    .action(prove);
}

/** `cocoon exact verify`: checks a proof without a model. */
export function verifyCommand(): Command {
  return withSettings(new Command('verify'))
    .description('check a proof that `exact prove --json` printed; needs no model')
    .argument('<file>', 'file with the proof, JSON')
    .option('--model-root <hex>', 'refuse a proof about another model')
    .option('--trace-root <hex>', 'refuse a proof about another trace, for instance than that of a receipt')
    .option('--position-root <hex>', 'refuse a proof about another position tree than the one that was signed')
    .action(verify);
}

/** @throws UsageError `usage.leaf` */
export function parseLeaf(flag: string, text: string): LeafAddress {
  const match = /^(\d{1,9})\/(\d{1,9})\/(\d{1,9})\/([A-Za-z]\w{0,31})\/(\d{1,9})$/.exec(text);
  if (match === null) {
    throw new UsageError('usage.leaf', `${flag} has a value that cannot be used`, {
      expected: LEAF_FORM,
      received: JSON.stringify(text),
    });
  }
  const [, block, position, group, slot, leaf] = match;
  return { block: Number(block), position: Number(position), group: Number(group), slot, leaf: Number(leaf) };
}

/** @throws UsageError `usage.leaf` */
function readLeaf(options: Record<string, unknown>): { tree: Tree; address: LeafAddress } {
  const given = (['commit', 'inner'] as const).filter((tree) => options[tree] !== undefined);
  if (given.length !== 1) {
    throw new UsageError('usage.leaf', 'it is not clear which leaf to prove', {
      expected: 'one of --commit and --inner',
      received: given.length === 0 ? 'none' : 'both',
    });
  }
  const [tree] = given;
  return { tree, address: parseLeaf(`--${tree}`, String(options[tree])) };
}

async function prove(options: Record<string, unknown>): Promise<void> {
  const { output, settings } = contextOf(options);
  const { tree, address } = readLeaf(options);
  const { prompt, sampling } = readInference(options);
  const { model, stopTokens } = openModel(settings.model);
  const promptTokens = model.tokenizer.encodePrompt(prompt);
  const prover = new TraceProver(model, { promptTokens, maxTokens: settings.maxTokens, stopTokens, sampling });
  const file = await leafProofFile(model, prover, tree, address);
  output.result(file, `${describe(file)}\n\nwith --json this prints the proof`);
}

async function verify(path: string, options: Record<string, unknown>): Promise<void> {
  const { output } = contextOf(options);
  const modelRoot = readRoot('--model-root', options.modelRoot);
  const traceRoot = readRoot('--trace-root', options.traceRoot);
  const positionRoot = readRoot('--position-root', options.positionRoot);
  const file = verifyProofFile(readProof(path));
  demandRoot('model', modelRoot, file.modelRoot);
  demandRoot('trace', traceRoot, file.kind === 'commit' ? file.traceRoot : undefined);
  demandRoot('position', positionRoot, file.kind === 'inner' ? file.positionRoot : undefined);
  const open = [
    modelRoot === undefined ? 'modelRoot' : [],
    traceRoot === undefined && file.kind === 'commit' ? 'traceRoot' : [],
    positionRoot === undefined && file.kind === 'inner' ? 'positionRoot' : [],
    // What the request and the receipt say of the lengths and of the sampling mode.
    file.kind === 'part' ? [] : 'job',
  ].flat();
  const { kind, address } = file;
  output.result(
    { valid: true, kind, modelRoot: file.modelRoot, ...rootsOf(file), address, notCompared: open },
    `the proof holds\n${describe(file)}${open.length === 0 ? '' : `\n\nstill to compare: ${open.join(', ')}`}`,
  );
}

function rootsOf(file: ProofFile) {
  if (file.kind === 'part') return {};
  const { job } = file;
  return file.kind === 'inner' ? { positionRoot: file.positionRoot, job }
    : { traceRoot: file.traceRoot, blockRoot: file.blockRoot, job };
}

function describe(file: ProofFile): string {
  const lines = [
    Object.entries(file.address).map(([name, value]) => `${name} ${value}`).join(', '),
    file.bytes === null ? 'a padding leaf' : `${file.bytes.length / 2} bytes, ${file.path.length} siblings`,
    `model ${file.modelRoot}`,
  ];
  if (file.kind === 'commit') lines.push(`block ${file.blockRoot}`, `trace ${file.traceRoot}`);
  if (file.kind === 'inner') lines.push(`position ${file.positionRoot}`);
  if (file.kind !== 'part') {
    const { promptTokens, outputTokens, t, topK } = file.job;
    lines.push(`job   ${promptTokens} prompt tokens, ${outputTokens} output tokens, t ${t}, topK ${topK}`);
  }
  return lines.join('\n');
}

/** @throws UsageError `usage.proof-file`; VerificationError `verification.proof.format` */
function readProof(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError('usage.proof-file', 'cannot read the proof', { received: path, cause });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new VerificationError('verification.proof.format', 'the proof is not JSON', { received: path, cause });
  }
}

/** @throws UsageError `usage.root` */
function readRoot(flag: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const text = String(value).toLowerCase();
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new UsageError('usage.root', `${flag} has a value that cannot be used`, {
    expected: '64 hex digits',
    received: JSON.stringify(value),
  });
}

function demandRoot(name: 'model' | 'trace' | 'position', wanted: string | undefined, proven: string | undefined): void {
  if (wanted === undefined || wanted === proven) return;
  throw new VerificationError(`verification.proof.other-${name}`, `the proof is about another ${name}`, {
    expected: wanted,
    received: proven ?? `a proof without a ${name} root`,
  });
}
