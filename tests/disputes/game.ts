/** Both sides of a dispute on a golden model: a worker whose model has one other weight, and whoever computes its answer again. */
import { createHash } from 'node:crypto';
import { toNano } from '@ton/core';
import { Blockchain, type SandboxContract, type SendMessageResult, type TreasuryContract } from '@ton/sandbox';
import { chainOf, leafCells } from '../../disputes/evidenceCells';
import { hashOfLeaf } from '../../disputes/positionEvidence';
import { RevealedTree } from '../../disputes/revealedTree';
import { encodeJob } from '../../disputes/step';
import { encodeConfig } from '../../exact/config';
import { GREEDY, loadModel, ModelProver, TraceProver, type ExactModel, type Job } from '../../exact';
import { commitAddressAt, innerAddressAt, treeLevels, type LeafAddress, type Tree } from '../../exact/leafAddress';
import { sha256 } from '../../exact/merkle';
import { roundLevels, type NodeAddress } from '../../exact/proof';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { type CaseSubject, positionHash, readVerdict, SlashingCase } from '../../wrappers';
import { modelPath } from '../exact/support';

export const JOB: Job = { promptTokens: [7, 3, 250, 9, 31], maxTokens: 3, stopTokens: [], sampling: GREEDY };
const SALT = new Uint8Array(32).fill(5);
const SEED = new Uint8Array(32).fill(8);
const NETWORK = 2026;
const RECEIPT = new Uint8Array(32).fill(9);
export const MOVE = toNano('0.5');
export const BOND = toNano(2);

const H = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest());
const labelSalt = H(SALT, Buffer.from('trace'));
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A model of one other weight. */
export function brokenModel(name: string, layer: number, matrix: 'gate' | 'query' | 'down' | 'output'): ExactModel {
  const model = loadModel(modelPath(name));
  model.layers[layer][matrix].weights[3] ^= 64;
  return model;
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

  private constructor(
    readonly blockchain: Blockchain,
    readonly stake: SandboxContract<TreasuryContract>,
    readonly challenger: SandboxContract<TreasuryContract>,
    readonly worker: SandboxContract<TreasuryContract>,
    readonly contract: SandboxContract<SlashingCase>,
    readonly honest: TraceProver,
    readonly liar: TraceProver,
    readonly prover: ModelProver,
    readonly model: ExactModel,
  ) {}

  static async open(name: string, broken: ExactModel, job: Job = JOB): Promise<Game> {
    const blockchain = await Blockchain.create();
    blockchain.now = 2_000_000_000;
    const [stake, challenger, worker] = [await blockchain.treasury('stake'), await blockchain.treasury('challenger'), await blockchain.treasury('worker')];
    const model = loadModel(modelPath(name));
    const prover = new ModelProver(model);
    const liar = new TraceProver(broken, job);
    const { tokens, traceRoot } = await liar.result();
    // The answer is the liar's; whoever computes it again takes its tokens as they are.
    const honest = new TraceProver(model, job);
    const subject: CaseSubject = {
      networkId: NETWORK, workerKey: nodeEd25519.publicKey(SEED), receiptHash: RECEIPT, traceCommit: H(Buffer.from('OCC1'), labelSalt, traceRoot),
      promptTokens: job.promptTokens.length, outputTokens: tokens.length, config: encodeConfig(model.config), rowsRoot: prover.part({ part: 'config' }).path[0],
      tablesRoot: prover.part({ part: 'tokenizer' }).path[0], tokenizer: sha256(model.tokenizer.section),
      job: encodeJob({ promptTokens: job.promptTokens.length, outputTokens: tokens.length, sampling: job.sampling }),
    };
    const slashing = await SlashingCase.fromSubject(stake.address, challenger.address, subject);
    const contract = blockchain.openContract(slashing);
    await stake.send({ to: contract.address, value: BOND + MOVE, init: slashing.init, body: SlashingCase.openBody(BOND) });
    return new Game(blockchain, stake, challenger, worker, contract, honest, liar, prover, model);
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
    return this.contract.sendShowTrace(this.worker.getSender(), MOVE, { traceRoot, labelSalt, children: await this.children(this.liar) }) as never;
  }

  async showChildren(change: (children: Uint8Array[]) => void = () => undefined): Promise<SendMessageResult> {
    const children = await this.children(this.liar);
    change(children);
    if (this.tree === 'inner') this.revealed.reveal(this.node, children);
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
    const signature = nodeEd25519.sign(positionHash(NETWORK, RECEIPT, this.t, positionRoot), seed);
    const children = await this.children(of);
    this.revealed = new RevealedTree(await this.honest.positionTree(this.t));
    this.revealed.reveal(this.node, children);
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

  /** What the stake was told, if it was. */
  verdict({ transactions }: SendMessageResult): boolean | undefined {
    for (const { inMessage } of transactions) {
      if (!inMessage || !this.stake.address.equals(inMessage.info.dest as never)) continue;
      const verdict = readVerdict(inMessage.body);
      if (verdict !== null) return verdict.isConvicted;
    }
    return undefined;
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
