import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { WeightMode } from '../../circuits';
import { contextOf, withSettings } from '../context';
import { UsageError } from '../errors';
import { linesOf } from '../output';
import { readBytes, writeFile } from './files';

/** `cocoon zk build`: constraints, their record and, with a proving key, the record of its verification key. */
export function buildCommand(): Command {
  return withSettings(new Command('build'))
    .description('turn an exact integer model into a circuit: its constraints (.r1cs), sizes, hashes and bit widths')
    .argument('<model>', 'circuit model, JSON; the shipped one is models/digits-8x8.json')
    .requiredOption('--out <folder>', 'where to write <name>.r1cs and <name>.circuit.json')
    .addOption(new Option('--weights <mode>', 'constant: part of the circuit; committed: hidden inputs, so that one key serves every model of this shape').choices(['constant', 'committed']).default('constant'))
    .option('--zkey <file>', 'proving key of this circuit: writes <name>.key.json, its verification key, too')
    .option('--phase1 <file>', 'the powers of tau that the proving key was made from')
    .action(build);
}

async function build(path: string, options: Record<string, unknown>): Promise<void> {
  const { output } = contextOf(options);
  const { buildCircuit, parseModelText, selfCheck } = await import('../../circuits');
  if ((options.zkey === undefined) !== (options.phase1 === undefined)) {
    throw new UsageError('usage.phase1', 'a proving key comes with the powers of tau that it was made from', { expected: '--zkey and --phase1, or neither' });
  }
  const started = performance.now();
  const built = buildCircuit(parseModelText(Buffer.from(readBytes(path)).toString('utf8')), options.weights as WeightMode);
  const { record, r1csFile } = built;
  const checkedInputs = selfCheck(built);
  const base = join(String(options.out), record.name);
  const files = { r1cs: `${base}.r1cs`, record: `${base}.circuit.json`, key: options.zkey === undefined ? null : `${base}.key.json` };
  let contributions: number | null = null;
  if (files.key !== null) {
    const { keyRecordOf } = await import('./keyRecord');
    const keyRecord = keyRecordOf(built, readBytes(String(options.zkey)), readBytes(String(options.phase1)));
    contributions = keyRecord.setup.contributions;
    writeFile(files.key, `${JSON.stringify(keyRecord, null, 1)}\n`);
  }
  writeFile(files.r1cs, r1csFile);
  writeFile(files.record, `${JSON.stringify(record)}\n`);
  const { layers: _, argmaxBits: __, input: ___, publicSignals: ____, format: _____, ...shown } = record;
  const report = { ...shown, checkedInputs, contributions, millis: Math.round(performance.now() - started), ...files };
  output.result(report, linesOf(report));
}
