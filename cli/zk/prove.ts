import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { z } from 'zod';
import { toHex } from '../../protocol';
import { contextOf, withSettings } from '../context';
import { UsageError } from '../errors';
import { linesOf } from '../output';
import { readBytes, writeFile } from './files';

const STDIN = 0;
/** What is hidden from the chain: never printed, not even in an error. */
const inputSchema = z.strictObject({ values: z.array(z.int()).max(4096), salt: z.string().regex(/^0x[0-9a-f]{1,64}$/), weightSalt: z.string().regex(/^0x[0-9a-f]{1,64}$/).optional() });

/** `cocoon zk prove`: a proof of a model's verdict on a hidden input, by a process of its own. */
export function proveCommand(): Command {
  return withSettings(new Command('prove'))
    .description('prove the verdict of a circuit model on a hidden input: a proof of 192 bytes for the verifier contract')
    .argument('<model>', 'circuit model, JSON; the shipped one is models/digits-8x8.json')
    .requiredOption('--zkey <file>', 'proving key of its circuit; that of the shipped one is circuits/keys/digits-8x8.DEVELOPMENT.zkey')
    .requiredOption('--input <file>', 'JSON {"values": [...], "salt": "0x..."}, - for standard input')
    .requiredOption('--context <word>', 'context word of the job and its payee, 0x...')
    .option('--weights <mode>', 'constant or committed, as the circuit was built', 'constant')
    .option('--threads <n>', 'threads of the prover', '2')
    .option('--out <file>', 'writes the proof and its public signals, JSON')
    .action(prove);
}

async function prove(path: string, options: Record<string, unknown>): Promise<void> {
  const { output } = contextOf(options);
  const { createCircuit, parseModelText, witnessOf, writeWtns } = await import('../../circuits');
  const { proveInChild } = await import('../../circuits/groth16');
  const { encodeProof } = await import('../../protocol/zk');
  const threads = Number(options.threads);
  if (!Number.isInteger(threads) || threads < 1 || threads > 16) throw new UsageError('usage.threads', 'the number of threads is not allowed', { expected: '1..16', received: String(options.threads) });
  if (options.weights !== 'constant' && options.weights !== 'committed') throw new UsageError('usage.weights', 'the mode of the weights is not known', { expected: 'constant or committed', received: String(options.weights) });
  if (!/^0x[0-9a-f]{1,62}$/.test(String(options.context))) throw new UsageError('usage.context', 'the context word is not one', { expected: '0x and up to 62 lower-case hex digits', received: String(options.context).slice(0, 80) });

  const circuit = createCircuit(parseModelText(readBytes(path).toString('utf8')), options.weights);
  const { values, salt, weightSalt } = readInput(String(options.input));
  const started = performance.now();
  const { wires } = witnessOf(circuit, { values, salt: BigInt(salt), context: BigInt(String(options.context)), weightSalt: weightSalt === undefined ? undefined : BigInt(weightSalt) });
  const witnessMillis = Math.round(performance.now() - started);
  const proven = await proveInChild(readBytes(String(options.zkey)), writeWtns(wires), { threads });
  const word = (value: bigint): string => `0x${value.toString(16)}`;
  const [commit, verdict, context] = proven.publicSignals;
  const proof = { proof: toHex(encodeProof(proven.proof)), commit: word(commit), verdict: Number(verdict), context: word(context) };
  if (options.out !== undefined) writeFile(String(options.out), `${JSON.stringify(proof, null, 1)}\n`);
  const report = { ...proof, witnessMillis, proofMillis: Math.round(proven.millis.total), peakRssMb: Math.round(proven.peakRssMb) };
  output.result(report, linesOf(report));
}

/** @throws UsageError, which does not repeat what is wrong */
function readInput(path: string): z.infer<typeof inputSchema> {
  const refuse = () => new UsageError('usage.input', 'the input cannot be read', { expected: 'JSON {"values": [integers], "salt": "0x..."}' });
  let value: unknown;
  try {
    value = JSON.parse((path === '-' ? readFileSync(STDIN) : readBytes(path)).toString('utf8'));
  } catch (cause) {
    if (cause instanceof SyntaxError) throw refuse();
    throw cause;
  }
  const parsed = inputSchema.safeParse(value);
  if (!parsed.success) throw refuse();
  return parsed.data;
}
