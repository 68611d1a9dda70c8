/** The dearest step of every slot of a model, found by the checks alone, each as a lie that a dispute can be about. */
import { Address, Cell, toNano, type TupleItem } from '@ton/core';
import { Blockchain, createShardAccount } from '@ton/sandbox';
import { checkCode, type CheckName, CHECK_NAMES } from '../../disputes/checkTree';
import { encodeStep } from '../../disputes/step';
import { type ExactConfig, GREEDY, type Job, type Sampling } from '../../exact';
import { encodeConfig } from '../../exact/config';
import { requestRoot } from '../../protocol';
import { createSandbox } from '../../tests/support/sandbox';
import { type Lie, requestOf } from './dispute';
import { flavourOf, largeModel, largeTables, randomOf } from './largeModel';
import { LAYER_GROUP, LargePosition } from './largePosition';
import { type Place, rowsOf, type StepCase, stepCases } from './steps';

/** A step with what its check alone takes. */
export interface Judged {
  step: StepCase;
  flavour: string;
  /** Of the get-method. */
  gas: number;
  lie: Lie;
}

/** Of every mode, so that as much as possible is summed and listed. */
const SAMPLINGS: readonly Sampling[] = [
  GREEDY, { t: 94548, topK: 256, topP16: 65535, minPX: 0, seed: Buffer.alloc(32, 7) }, { t: 94548, topK: 0, topP16: 0, minPX: 0, seed: Buffer.alloc(32, 7) },
];
/** Of an answer that fills the context. */
const OUTPUT_TOKENS = 3;

/** The dearest steps by what they judge, over all flavours of a shape, in the order of the checks' names. */
export async function dearestSteps(flavours: readonly ExactConfig[]): Promise<Judged[]> {
  const gasOf = await gasMeter();
  const dearest = new Map<string, Judged>();
  for (const config of flavours) {
    // The choice of a token is the same in every flavour.
    for (const sampling of config === flavours[0] ? SAMPLINGS : [GREEDY]) {
      for (const [step, lie, stepCell] of liesOf(config, sampling)) {
        const gas = await gasOf(step.check, stepCell, lie.evidence);
        if (gas > (dearest.get(step.of)?.gas ?? 0)) dearest.set(step.of, { step, flavour: flavourOf(config), gas, lie });
      }
    }
  }
  return [...dearest.values()].sort((a, b) => CHECK_NAMES.indexOf(a.step.check) - CHECK_NAMES.indexOf(b.step.check));
}

/** The steps that may be the dearest of their slots, each as a lie. */
function* liesOf(config: ExactConfig, sampling: Sampling): Generator<[StepCase, Lie, Cell]> {
  const random = randomOf(29);
  const tables = largeTables(config, random);
  const t = config.context - 1;
  const position = new LargePosition(config, t, tables, sampling, random);
  const model = largeModel(config, tables, { t, layer: LAYER_GROUP - 1, rows: rowsOf(config) }, random);
  const promptTokens = Array.from({ length: config.context - OUTPUT_TOKENS + 1 }, () => random(config.vocab));
  const job: Job = { promptTokens, maxTokens: OUTPUT_TOKENS, stopTokens: [], sampling };
  const place: Place = { position, model, request: requestOf(job), sampling };
  const roots = { config: encodeConfig(config), rowsRoot: model.rowsRoot, tablesRoot: model.tablesRoot, tokenizer: model.tokenizer };
  for (const step of stepCases(config, sampling)) {
    const bytes = Buffer.from(position.leaf(step.group, step.slot, step.leaf));
    bytes[step.at] ^= 1;
    const found = position.address(step.group, step.slot, step.leaf);
    const index = position.indexOf('inner', found);
    const tree = position.tree.with(index, bytes);
    const lie: Lie = {
      config, model: roots, modelRoot: model.root, job, tokens: Array.from({ length: OUTPUT_TOKENS }, () => 0), traceRoot: position.commit.root, positionRoot: tree.root,
      committed: position.committed, found, children: (kind, at) => (kind === 'commit' ? position.commit : tree).children(at), bytes, check: step.check,
      evidence: step.evidence(place, tree, bytes),
    };
    const stepCell = encodeStep({
      config, rowsRoot: model.rowsRoot, tablesRoot: model.tablesRoot, positionRoot: tree.root, traceRoot: position.commit.root, index, leaf: bytes, t,
      job: { promptTokens: promptTokens.length, outputTokens: OUTPUT_TOKENS, requestRoot: requestRoot(place.request), sampling },
    });
    yield [step, lie, stepCell];
  }
}

/** Runs checks as get-methods. @returns gas of one that says that a step is wrong @throws Error where it says anything else */
async function gasMeter(): Promise<(check: CheckName, step: Cell, evidence: Cell) => Promise<number>> {
  const chain: Blockchain = await createSandbox();
  const addressOf = (check: CheckName): Address => new Address(0, Buffer.alloc(32, 1 + CHECK_NAMES.indexOf(check)));
  for (const check of CHECK_NAMES) {
    const address = addressOf(check);
    await chain.setShardAccount(address, createShardAccount({ address, code: await checkCode(check), data: Cell.EMPTY, balance: toNano(1) }));
  }
  return async (check, step, evidence) => {
    const args: TupleItem[] = [{ type: 'cell', cell: step }, { type: 'cell', cell: evidence }];
    const { stackReader, gasUsed } = await chain.runGetMethod(addressOf(check), 'isWrong', args);
    if (!stackReader.readBoolean()) throw new Error(`${check} takes a lie for right`);
    return Number(gasUsed);
  };
}
