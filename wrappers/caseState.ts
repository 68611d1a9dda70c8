/** What a case's account and its messages say, for whoever plays in it. */
import type { Address, Cell, Slice } from '@ton/core';
import {
  loadCaseSubject, loadChooseChild, loadJudgedJob, loadModelRoots, loadShowChildren, loadShowLeaf, loadShowPosition, loadShowTrace, loadStep,
} from '../build/Suite/Suite_SlashingCase';
import { CocoonError } from '../protocol';
import { toBytes } from './cells';
import {
  CASE_TURNS, type CaseSubject, OP_CHOOSE_CHILD, OP_SHOW_CHILDREN, OP_SHOW_LEAF, OP_SHOW_POSITION, OP_SHOW_TRACE,
} from './SlashingCase';

/** Where a descent stands, as far as the case keeps it. */
export interface DisputedPlace {
  traceRoot: Uint8Array;
  /** Of the trace's leaf that was found, and its hash. */
  commitIndex: number;
  commitHash: Uint8Array;
  /** Null until the worker has shown it. */
  positionRoot: Uint8Array | null;
  /** Position in the sequence. */
  t: number;
}

export interface CaseState {
  stake: Address;
  challenger: Address;
  subject: CaseSubject;
  /** Of CASE_TURNS; 0 where nothing was opened, or all is over. */
  turn: number;
  /** Unix seconds. */
  endsAt: number;
  bond: bigint;
  /** The node that is descended from: its hash, its index in its level, and the levels below it. */
  node: Uint8Array;
  index: number;
  left: number;
  /** Below the node, while one of them is to be chosen. */
  children: Uint8Array[] | null;
  /** The Step that a check is given, once the leaf was shown. */
  step: Cell | null;
  /** Null until a trace was shown. */
  place: DisputedPlace | null;
}

/** Reads a case's data cell. @throws CocoonError NOT_A_CASE when it is not such a cell */
export function parseCase(data: Cell): CaseState {
  try {
    const slice = data.beginParse();
    const [stake, challenger, subject] = [slice.loadAddress(), slice.loadAddress(), parseCaseSubject(slice.loadRef())];
    const [turn, endsAt, bond] = [slice.loadUint(8), slice.loadUint(32), slice.loadCoins()];
    const [node, index, left] = [slice.loadBuffer(32), slice.loadUint(32), slice.loadUint(8)];
    const step = slice.loadMaybeRef();
    slice.endParse();
    const at = { stake, challenger, subject, turn, endsAt, bond, node, index, left };
    if (step === null) return { ...at, children: null, step: null, place: null };
    const { shown, ...place } = loadStep(step.beginParse());
    return { ...at, children: turn === CASE_TURNS.choose ? parseHashes(shown, 2 ** Math.min(ROUND_LEVELS, left)) : null, step: turn === CASE_TURNS.prove ? step : null, place: placeOf(place) };
  } catch (cause) {
    throw new CocoonError('NOT_A_CASE', 'This is not the data of a SlashingCase', { cause });
  }
}

export function parseCaseSubject(cell: Cell): CaseSubject {
  const { networkId, workerKey, traceCommit, promptTokens, outputTokens, model, job, judged } = loadCaseSubject(cell.beginParse());
  const { config, rowsRoot, tablesRoot, tokenizer } = loadModelRoots(model.beginParse());
  const { client, escrow, seq, price, receipt } = loadJudgedJob(judged.beginParse());
  return {
    networkId: Number(networkId), workerKey: toBytes(workerKey), traceCommit: toBytes(traceCommit),
    promptTokens: Number(promptTokens), outputTokens: Number(outputTokens), config: toBytes(config), rowsRoot: toBytes(rowsRoot), tablesRoot: toBytes(tablesRoot),
    tokenizer: tokenizer.beginParse().loadBuffer(32), job, judged: { client: toBytes(client), escrow: escrow.hash, seq: Number(seq), price, receipt },
  };
}

function placeOf({ traceRoot, commitIndex, commitHash, positionRoot, t }: Omit<ReturnType<typeof loadStep>, 'shown'>): DisputedPlace | null {
  return traceRoot === 0n ? null : {
    traceRoot: toBytes(traceRoot), commitIndex: Number(commitIndex), commitHash: toBytes(commitHash), positionRoot: positionRoot === 0n ? null : toBytes(positionRoot),
    t: Number(t),
  };
}

/** Levels that one round opens at most. */
const ROUND_LEVELS = 5;

/** So many hashes of `packHashes`, or as many as there are: whatever somebody hung behind them is left alone. */
export function parseHashes(cell: Cell, count = 2 ** ROUND_LEVELS): Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (let slice: Slice | null = cell.beginParse(); slice !== null; slice = slice.remainingRefs > 0 ? slice.loadRef().beginParse() : null) {
    while (slice.remainingBits >= 256 && hashes.length < count) hashes.push(slice.loadBuffer(32));
    if (hashes.length === count) break;
  }
  return hashes;
}

/** What somebody showed or chose in a case. Of children there may be more than the case read. */
export type CaseMove =
  | { kind: 'trace' | 'position' | 'children'; children: Uint8Array[] }
  | { kind: 'choice'; child: number }
  | { kind: 'leaf'; leaf: Cell };

/** @param body of a message that the case took */
export function parseCaseMove(body: Cell): CaseMove | null {
  const slice = body.beginParse();
  if (slice.remainingBits < 32) return null;
  switch (slice.preloadUint(32)) {
    case OP_SHOW_TRACE:
      return { kind: 'trace', children: parseHashes(loadShowTrace(slice).children) };
    case OP_SHOW_CHILDREN:
      return { kind: 'children', children: parseHashes(loadShowChildren(slice).children) };
    case OP_SHOW_POSITION:
      return { kind: 'position', children: parseHashes(loadShowPosition(slice).children) };
    case OP_CHOOSE_CHILD:
      return { kind: 'choice', child: Number(loadChooseChild(slice).child) };
    case OP_SHOW_LEAF:
      return { kind: 'leaf', leaf: loadShowLeaf(slice).leaf };
    default:
      return null;
  }
}
