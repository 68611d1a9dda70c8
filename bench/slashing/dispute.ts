/** A whole dispute in the sandbox: the challenge at a stake, both descents, the leaf, the proof and the verdict, with what each costs. */
import { type Cell, toNano, type Transaction } from '@ton/core';
import type { SendMessageResult } from '@ton/sandbox';
import { type CheckName, checkProof } from '../../disputes/checkTree';
import { chainOf, leafCells } from '../../disputes/evidenceCells';
import { caseSubject, type Challenged, requestOpening } from '../../disputes/opening';
import { RevealedNodes } from '../../disputes/revealedTree';
import type { ExactConfig, Job, LeafAddress, NodeAddress, Tree } from '../../exact';
import { leafIndex, positionOf, treeLevels } from '../../exact/leafAddress';
import { ROUND_LEVELS, roundLevels } from '../../exact/proof';
import {
  buildTerms, commit, encodeTerms, FinishReason, type InferenceRequest, labelSalt, receiptHash, type RequestPayload, responseRoot, SEMANTICS, termsHash,
} from '../../protocol';
import { NETWORK_ID, patternBytes, START } from '../../tests/support/jobWorld';
import { sumFees, type TransactionFees } from '../../tests/support/fees';
import { signed, StakeWorld, WORKER } from '../../tests/support/stakeWorld';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { CASE_VERDICTS, type ModelRoots, OP_PROVE_AT_ONCE, OP_PROVE_STEP, positionHash, readVerdict, SlashingCase, toCell } from '../../wrappers';

/** A wrong answer: what its worker shows of it, and how its challenger proves it wrong. */
export interface Lie {
  config: ExactConfig;
  model: ModelRoots;
  modelRoot: Uint8Array;
  job: Job;
  tokens: readonly number[];
  traceRoot: Uint8Array;
  positionRoot: Uint8Array;
  /** The leaves that both descents find, the second in the position of the first. */
  committed: LeafAddress;
  found: LeafAddress;
  /** Nodes that a round shows below one of a tree. */
  children(tree: Tree, at: NodeAddress): Promise<readonly Uint8Array[]> | readonly Uint8Array[];
  /** The found leaf, the check that judges it, and what the check wants to see. */
  bytes: Uint8Array;
  check: CheckName;
  evidence: Cell;
}

export interface Dispute {
  moves: { move: string; fees: TransactionFees }[];
  /** Of everybody, from the challenge to the verdict. */
  fees: TransactionFees;
  /** The case's gas for the proof, and the bytes of its message as a bag of cells. */
  proofGas: number;
  proofBytes: number;
}

const SALT = patternBytes(32, 5);
/** Attached to the challenge, and to each move; what is not used returns. */
const CHALLENGE = toNano('3');
const MOVE = toNano('0.6');

/** A job's request as its client commits to it. */
export const requestOf = ({ promptTokens, stopTokens, sampling: { t, topK, topP16, minPX } }: Job): InferenceRequest => ({
  promptTokens: [...promptTokens], stopTokens: [...stopTokens], sampling: { t, topK, topP16, minPX }, nonce: 1n, toolsHash: new Uint8Array(32),
});

/** What the worker of a stake signed for a wrong answer. */
function answerOf({ job, tokens, modelRoot, traceRoot }: Lie, world: StakeWorld): Challenged {
  const payload: RequestPayload = {
    asked: {
      tier: 0, visibility: 0, flags: 0, semantics: SEMANTICS, salt: patternBytes(16, 7), modelRoot, maxTokens: job.maxTokens, expiresAt: START + 600,
      promptPrice: 0n, outputPrice: 0n, coverage: 0n, imageHash: new Uint8Array(32),
    },
    request: requestOf(job), responseKey: patternBytes(32, 3), commitSalt: SALT,
  };
  const terms = buildTerms(payload, { networkId: NETWORK_ID, client: world.client.address.hash, stake: world.stake.address.hash, workerKey: WORKER.publicKey, price: toNano('0.1') });
  const finishReason = FinishReason.length;
  return {
    terms, payload,
    receipt: {
      networkId: NETWORK_ID, termsHash: termsHash(terms), escrow: patternBytes(32, 70), seq: 0, index: 0, final: true, finishReason, issuedAt: START,
      dueNano: terms.fixedPrice, sealedHash: patternBytes(32, 11), responseCommit: commit('response', SALT, responseRoot({ finishReason, tokens: [...tokens] })),
      traceCommit: commit('trace', SALT, traceRoot), promptTokens: job.promptTokens.length, outputTokens: tokens.length,
    },
  };
}

/** Siblings of a leaf, bottom up, out of the rounds that lead to it. */
async function pathTo({ config, children }: Lie, tree: Tree, index: number): Promise<Uint8Array[]> {
  const levels = treeLevels(config, tree);
  const shown = new RevealedNodes();
  for (let depth = 0; depth < levels; depth += roundLevels(config, tree, depth)) {
    const at = { depth, index: Math.floor(index / 2 ** (levels - depth)) };
    shown.reveal(at, await children(tree, at));
  }
  return Array.from({ length: levels }, (_, level) => shown.at({ depth: levels - level, index: Math.floor(index / 2 ** level) ^ 1 })!);
}

/** The hash of a leaf of the commit tree, as the last round shows it. */
async function committedHash({ config, committed, children }: Lie): Promise<Uint8Array> {
  const levels = treeLevels(config, 'commit');
  const last = levels % ROUND_LEVELS || ROUND_LEVELS;
  const index = leafIndex(config, 'commit', committed);
  return (await children('commit', { depth: levels - last, index: Math.floor(index / 2 ** last) }))[index % 2 ** last];
}

/**
 * @param isAtOnce whether the challenger has learnt without the chain what both descents would show
 * @throws Error unless every move is taken and the worker convicted
 */
export async function playDispute(lie: Lie, isAtOnce = false): Promise<Dispute> {
  const world = await StakeWorld.create();
  const answer = answerOf(lie, world);
  const { terms, payload, receipt } = answer;
  const slashing = world.chain.openContract(await SlashingCase.fromSubject(world.stake.address, world.client.address, caseSubject(answer, lie.model)));
  const [challenger, worker] = [world.client.getSender(), world.watcher.getSender()];
  const all: Transaction[] = [];
  const moves: Dispute['moves'] = [];
  const play = async (move: string, sent: Promise<unknown>): Promise<Transaction[]> => {
    const { transactions } = (await sent) as SendMessageResult;
    requireTaken(move, transactions);
    all.push(...transactions);
    moves.push({ move, fees: sumFees(transactions) });
    return transactions;
  };
  /** Round by round to a leaf. @param show the children of the root, however they are shown */
  const descend = async (tree: Tree, address: LeafAddress, show: (children: readonly Uint8Array[]) => Promise<unknown>): Promise<void> => {
    const levels = treeLevels(lie.config, tree);
    const index = leafIndex(lie.config, tree, address);
    for (let depth = 0; depth < levels;) {
      const children = await lie.children(tree, { depth, index: Math.floor(index / 2 ** (levels - depth)) });
      await play(depth === 0 ? (tree === 'commit' ? 'trace' : 'position') : 'children', depth === 0 ? show(children) : slashing.sendShowChildren(worker, MOVE, children));
      const step = roundLevels(lie.config, tree, depth);
      depth += step;
      await play('choose', slashing.sendChooseChild(challenger, MOVE, Math.floor(index / 2 ** (levels - depth)) % 2 ** step));
    }
  };

  const ended = (proof: Transaction[]): Dispute => {
    const verdicts = proof.flatMap(({ inMessage }) => (inMessage ? (readVerdict(inMessage.body) ?? []) : []));
    if (verdicts.length !== 1 || verdicts[0].verdict !== CASE_VERDICTS.convicted) throw new Error(`${lie.check} did not convict`);
    return { moves, fees: sumFees(all), ...proofOf(proof) };
  };

  await play('challenge', world.stake.sendChallenge(challenger, {
    value: CHALLENGE, challenger: world.client.address, terms: toCell(encodeTerms(terms)), receipt: signed(receipt), request: requestOpening(payload), model: lie.model,
  }));
  const run = { ...checkProof(lie.check), evidence: lie.evidence };
  const t = positionOf(lie.committed);
  const signature = nodeEd25519.sign(positionHash(NETWORK_ID, receiptHash(receipt), t, lie.positionRoot), WORKER.secretKey.subarray(0, 32));
  const position = { positionRoot: lie.positionRoot, signature };
  const trace = { traceRoot: lie.traceRoot, labelSalt: labelSalt('trace', SALT) };
  const bytes = chainOf(leafCells(lie.bytes));
  if (isAtOnce) {
    const [outer, inner] = [leafIndex(lie.config, 'commit', lie.committed), leafIndex(lie.config, 'inner', lie.found)];
    const proof = await play('proof', slashing.sendProveAtOnce(challenger, MOVE, {
      ...trace, position, committed: { hash: await committedHash(lie), index: outer, path: await pathTo(lie, 'commit', outer) },
      leaf: { bytes, index: inner, path: await pathTo(lie, 'inner', inner) }, proof: run,
    }));
    return ended(proof);
  }
  await descend('commit', lie.committed, (children) => slashing.sendShowTrace(worker, MOVE, { ...trace, children }));
  await descend('inner', lie.found, (children) => slashing.sendShowPosition(worker, MOVE, { ...position, children }));
  await play('leaf', slashing.sendShowLeaf(worker, MOVE, bytes));
  return ended(await play('proof', slashing.sendProveStep(challenger, MOVE, run)));
}

/** Gas of the case for a proof, and the bytes of the message. */
function proofOf(transactions: readonly Transaction[]): Pick<Dispute, 'proofGas' | 'proofBytes'> {
  for (const { inMessage, description } of transactions) {
    const slice = inMessage?.body.beginParse();
    if (slice === undefined || slice.remainingBits < 32 || ![OP_PROVE_STEP, OP_PROVE_AT_ONCE].includes(slice.preloadUint(32))) continue;
    if (description.type !== 'generic' || description.computePhase.type !== 'vm') break;
    return { proofGas: Number(description.computePhase.gasUsed), proofBytes: inMessage!.body.toBoc().length };
  }
  throw new Error('no proof was taken');
}

function requireTaken(move: string, transactions: readonly Transaction[]): void {
  for (const { description } of transactions) {
    const failed = description.type === 'generic' && description.computePhase.type === 'vm' && (!description.computePhase.success || description.aborted);
    if (failed) throw new Error(`the ${move} was refused with exit code ${description.computePhase.type === 'vm' ? description.computePhase.exitCode : 0}`);
  }
}
