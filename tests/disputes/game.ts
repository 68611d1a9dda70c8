/** Both sides of a dispute on a golden model: a worker whose model has one other weight, and whoever computes its answer again. */
import { toNano } from '@ton/core';
import { type Blockchain, type SandboxContract, type SendMessageResult, type TreasuryContract } from '@ton/sandbox';
import { chainOf, leafCells } from '../../disputes/evidenceCells';
import { caseSubject, type Challenged, modelRoots } from '../../disputes/opening';
import { hashOfLeaf } from '../../disputes/positionEvidence';
import { RevealedNodes, RevealedTree } from '../../disputes/revealedTree';
import { GREEDY, loadModel, ModelProver, TraceProver, type ExactModel, type Job } from '../../exact';
import { commitAddressAt, innerAddressAt, treeLevels, type LeafAddress, type Tree } from '../../exact/leafAddress';
import { roundLevels, type NodeAddress } from '../../exact/proof';
import {
  buildTerms, commit, FinishReason, labelSalt, type Receipt, receiptHash, type RequestPayload, responseRoot, SEMANTICS, type Terms, termsHash,
} from '../../protocol';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { CASE_VERDICTS, positionHash, readVerdict, SlashingCase } from '../../wrappers';
import { modelPath } from '../exact/support';
import { NETWORK_ID, patternBytes, START } from '../support/jobWorld';
import { WORKER } from '../support/stakeWorld';
import { createSandbox } from '../support/sandbox';
import { requestOf } from './checks';

export const JOB: Job = { promptTokens: [7, 3, 250, 9, 31], maxTokens: 3, stopTokens: [], sampling: GREEDY };
export const SALT = new Uint8Array(32).fill(5);
export const SEED = new Uint8Array(32).fill(2);
export const MOVE = toNano('0.5');
export const BOND = toNano(2);

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A model of other weights. @param count of them, from the fourth on */
export function brokenModel(name: string, layer: number, matrix: 'gate' | 'query' | 'down' | 'output', count = 1): ExactModel {
  const model = loadModel(modelPath(name));
  const { weights } = model.layers[layer][matrix];
  for (let at = 3; at < 3 + count; at++) weights[at] ^= 64;
  return model;
}

/** What a worker signed for a job: whole terms, request and receipt. */
export function answerOf(
  job: Job, { tokens, traceRoot }: { tokens: readonly number[]; traceRoot: Uint8Array },
  parties: { stake: Uint8Array; client: Uint8Array; modelRoot: Uint8Array },
  terms: Partial<Terms> = {}, receipt: Partial<Receipt> = {},
): Challenged {
  const payload: RequestPayload = {
    asked: {
      tier: 0, visibility: 0, flags: 0, semantics: SEMANTICS, salt: patternBytes(16, 7), modelRoot: parties.modelRoot, maxTokens: job.maxTokens, expiresAt: START + 600,
      promptPrice: 0n, outputPrice: 0n, coverage: 0n, imageHash: new Uint8Array(32), ...terms,
    },
    request: requestOf(job), responseKey: patternBytes(32, 3), commitSalt: SALT,
  };
  const built = { ...buildTerms(payload, { networkId: NETWORK_ID, client: parties.client, stake: parties.stake, workerKey: WORKER.publicKey, price: toNano('0.1') }), ...terms };
  return {
    terms: built, payload,
    receipt: {
      networkId: NETWORK_ID, termsHash: termsHash(built), escrow: patternBytes(32, 70), seq: 0, index: 0, final: true, finishReason: FinishReason.length, issuedAt: START,
      dueNano: built.fixedPrice, sealedHash: patternBytes(32, 11), responseCommit: commit('response', SALT, responseRoot({ finishReason: FinishReason.length, tokens })),
      traceCommit: commit('trace', SALT, traceRoot), promptTokens: job.promptTokens.length, outputTokens: tokens.length, ...receipt,
    },
  };
}

/** An answer of a worker with another model, and the model that it should have had. */
export interface Played {
  model: ExactModel;
  prover: ModelProver;
  honest: TraceProver;
  liar: TraceProver;
  answer: Challenged;
}

export async function play(
  name: string, broken: ExactModel, parties: { stake: Uint8Array; client: Uint8Array }, job: Job = JOB, terms: Partial<Terms> = {}, receipt: Partial<Receipt> = {},
): Promise<Played> {
  const model = loadModel(modelPath(name));
  const liar = new TraceProver(broken, job);
  const answer = answerOf(job, await liar.result(), { ...parties, modelRoot: model.modelRoot }, terms, receipt);
  // The answer is the liar's; whoever computes it again takes its tokens as they are.
  return { model, prover: new ModelProver(model), honest: new TraceProver(model, job), liar, answer };
}

/** One dispute, its worker's side and its challenger. */
export class Game {
  /** Where the descent stands. */
  private tree: Tree = 'commit';
  private node: NodeAddress = { depth: 0, index: 0 };
  address!: LeafAddress;
  /** The leaf of the trace that was found. */
  committed!: LeafAddress;
  /** The worker's position tree, as the challenger knows it. */
  revealed!: RevealedTree;
  private nodes!: RevealedNodes;

  constructor(
    readonly blockchain: Blockchain,
    readonly challenger: SandboxContract<TreasuryContract>,
    readonly worker: SandboxContract<TreasuryContract>,
    readonly contract: SandboxContract<SlashingCase>,
    readonly played: Played,
  ) {}

  /** A case that an account opened which stands for a stake. */
  static async open(name: string, broken: ExactModel, job: Job = JOB, receipt: Partial<Receipt> = {}): Promise<Game> {
    const blockchain = await createSandbox();
    blockchain.now = START;
    const [stake, challenger, worker] = [await blockchain.treasury('stake'), await blockchain.treasury('challenger'), await blockchain.treasury('worker')];
    const played = await play(name, broken, { stake: stake.address.hash, client: challenger.address.hash }, job, {}, receipt);
    const slashing = await SlashingCase.fromSubject(stake.address, challenger.address, caseSubject(played.answer, modelRoots(played.model, played.prover)));
    const contract = blockchain.openContract(slashing);
    await stake.send({ to: contract.address, value: BOND + MOVE, init: slashing.init, body: SlashingCase.openBody(BOND) });
    return new Game(blockchain, challenger, worker, contract, played);
  }

  get stake(): Promise<SandboxContract<TreasuryContract>> {
    return this.blockchain.treasury('stake');
  }

  get honest(): TraceProver {
    return this.played.honest;
  }

  get liar(): TraceProver {
    return this.played.liar;
  }

  get prover(): ModelProver {
    return this.played.prover;
  }

  get model(): ExactModel {
    return this.played.model;
  }

  get config() {
    return this.model.config;
  }

  private children(of: TraceProver): Promise<Uint8Array[]> {
    return this.tree === 'commit' ? of.children(this.node) : of.innerChildren(this.t, this.node);
  }

  liarChildren(): Promise<Uint8Array[]> {
    return this.children(this.liar);
  }

  get t(): number {
    return 32 * this.address.block + this.address.position;
  }

  async showTrace(): Promise<SendMessageResult> {
    const { traceRoot } = await this.liar.result();
    const children = await this.children(this.liar);
    return this.contract.sendShowTrace(this.worker.getSender(), MOVE, { traceRoot, labelSalt: labelSalt('trace', SALT), children }) as never;
  }

  async showChildren(change: (children: Uint8Array[]) => void = () => undefined): Promise<SendMessageResult> {
    const children = await this.children(this.liar);
    change(children);
    if (this.tree === 'inner') this.nodes.reveal(this.node, children);
    return this.contract.sendShowChildren(this.worker.getSender(), MOVE, children) as never;
  }

  /** The challenger picks the first child that differs. */
  async choose(child?: number): Promise<SendMessageResult> {
    const [ours, theirs] = [await this.children(this.honest), await this.children(this.liar)];
    const first = child ?? ours.findIndex((hash, i) => hex(hash) !== hex(theirs[i]));
    const levels = roundLevels(this.config, this.tree, this.node.depth);
    this.node = { depth: this.node.depth + levels, index: this.node.index * 2 ** levels + first };
    if (this.isFound) this.address = this.tree === 'commit' ? commitAddressAt(this.config, this.node.index) : innerAddressAt(this.config, this.t, this.node.index);
    return this.contract.sendChooseChild(this.challenger.getSender(), MOVE, first) as never;
  }

  get isFound(): boolean {
    return this.node.depth === treeLevels(this.config, this.tree);
  }

  /** @param of whose position tree the worker signs */
  async showPosition(seed = SEED, of = this.liar): Promise<SendMessageResult> {
    this.tree = 'inner';
    this.node = { depth: 0, index: 0 };
    this.committed = this.address;
    const positionRoot = await of.positionRoot(this.t);
    const signature = nodeEd25519.sign(positionHash(NETWORK_ID, receiptHash(this.played.answer.receipt), this.t, positionRoot), seed);
    const children = await this.children(of);
    this.nodes = new RevealedNodes();
    this.revealed = new RevealedTree(await this.honest.positionTree(this.t), this.nodes);
    this.nodes.reveal(this.node, children);
    return this.contract.sendShowPosition(this.worker.getSender(), MOVE, { positionRoot, signature, children }) as never;
  }

  /** The leaf of the position tree at the address of the trace's leaf that was found. @param of whose position tree */
  async contradict(of: TraceProver): Promise<SendMessageResult> {
    const { bytes, path } = await of.leaf('inner', this.committed);
    return this.contract.sendProveContradiction(this.challenger.getSender(), MOVE, { hash: hashOfLeaf(bytes), path }) as never;
  }

  async showLeaf(): Promise<SendMessageResult> {
    const { bytes } = await this.liar.leaf('inner', this.address);
    return this.contract.sendShowLeaf(this.worker.getSender(), MOVE, chainOf(leafCells(bytes!))) as never;
  }

  /** The first descent, to where a position is asked for. */
  async descendTrace(): Promise<void> {
    await this.showTrace();
    for (;;) {
      await this.choose();
      if (this.isFound) return;
      await this.showChildren();
    }
  }

  /** Both descents, to the leaf in dispute. @returns gas of all moves */
  async descend(): Promise<number> {
    let gas = gasOf(await this.showTrace());
    for (;;) {
      gas += gasOf(await this.choose());
      if (this.isFound) {
        if (this.tree === 'inner') return gas;
        gas += gasOf(await this.showPosition());
      } else gas += gasOf(await this.showChildren());
    }
  }

  /** What the stake was told, if it was: whether the worker is convicted. */
  verdict({ transactions }: SendMessageResult): boolean | undefined {
    const verdicts = transactions.flatMap(({ inMessage }) => (inMessage?.body === undefined ? [] : (readVerdict(inMessage.body) ?? [])));
    return verdicts.length === 0 ? undefined : verdicts[0].verdict === CASE_VERDICTS.convicted;
  }
}

/** Gas of the case in a move. @throws where the move failed */
export function gasOf({ transactions }: SendMessageResult): number {
  const phases = transactions.flatMap(({ description }) => (description.type === 'generic' && description.computePhase.type === 'vm' ? [description.computePhase] : []));
  const failed = phases.find(({ success }) => !success);
  if (failed !== undefined) throw new Error(`a move failed with exit code ${failed.exitCode}`);
  return Math.max(...phases.map(({ gasUsed }) => Number(gasUsed)));
}

/** Exit code of the case in a move. */
export const exitOf = ({ transactions }: SendMessageResult): number =>
  transactions.map(({ description }) => (description.type === 'generic' && description.computePhase.type === 'vm' ? description.computePhase.exitCode : 0)).find((code) => code !== 0) ?? 0;
