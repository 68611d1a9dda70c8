import { type Address, beginCell, Cell, type Message, toNano, type Transaction } from '@ton/core';
import type { Blockchain, SandboxContract, SendMessageResult, TreasuryContract } from '@ton/sandbox';
import type { Groth16Proof } from '../../protocol/zk';
import {
  Groth16Verifier,
  packCreateZkJob,
  packSubmitProof,
  parseZkJobMessage,
  requiredProofValue,
  requiredReservationValue,
  requiredZkJobValue,
  type VerifierIdentity,
  ZkJobEscrow,
  type ZkJobMessage,
  type ZkJobTerms,
} from '../../wrappers/zk';
import { pricesOf } from './config';
import { keyOf, proofFor, scalarOf, trapdoorOf } from './groth16Simulator';
import { NETWORK_ID, START } from './jobWorld';
import { createSandbox } from './sandbox';

export type Wallet = SandboxContract<TreasuryContract>;
export const TRAPDOOR = trapdoorOf('zk world');
export const KEY = keyOf(TRAPDOOR);
export const COMMIT = scalarOf('commitment to an input');
export const VERDICT = 2n;
export const PRICE = toNano('0.5');

interface Setting {
  chain: Blockchain;
  wallets: Record<'client' | 'prover' | 'rival' | 'stranger', Wallet>;
  verifier: SandboxContract<Groth16Verifier>;
  start: ReturnType<Blockchain['snapshot']>;
}
let shared: Setting | undefined;
const proofs = new Map<string, Groth16Proof>();

export const IDENTITY: VerifierIdentity = { key: KEY, isDevelopment: true, shard: 7 };

async function setting(): Promise<Setting> {
  const chain = await createSandbox();
  chain.now = START;
  const wallets: Record<string, Wallet> = {};
  for (const name of ['client', 'prover', 'rival', 'stranger']) wallets[name] = await chain.treasury(name);
  const verifier = chain.openContract(await Groth16Verifier.fromIdentity(IDENTITY));
  await verifier.sendCheckKey(wallets.stranger.getSender(), toNano('0.3'));
  return { chain, wallets: wallets as Setting['wallets'], verifier, start: chain.snapshot() };
}

/** A client's proof job, a prover, a rival, a stranger and a checked verifier of a development key. */
export class ZkWorld {
  private constructor(
    private readonly setting: Setting,
    readonly terms: ZkJobTerms,
    readonly job: SandboxContract<ZkJobEscrow>,
  ) {}

  /** A world at its start, its job not created. Only the newest may be used. */
  static async create(overrides: Partial<ZkJobTerms> = {}): Promise<ZkWorld> {
    shared ??= await setting();
    await shared.chain.loadFrom(shared.start);
    shared.chain.now = START;
    const terms: ZkJobTerms = {
      networkId: NETWORK_ID,
      deadline: START + 3_600,
      price: PRICE,
      isExclusive: true,
      client: shared.wallets.client.address,
      verifier: shared.verifier.address,
      commit: COMMIT,
      ...overrides,
    };
    return new ZkWorld(shared, terms, shared.chain.openContract(await ZkJobEscrow.fromTerms(terms)));
  }

  /** The same with the job open. */
  static async opened(overrides: Partial<ZkJobTerms> = {}): Promise<ZkWorld> {
    const world = await ZkWorld.create(overrides);
    await world.open();
    return world;
  }

  get chain(): Blockchain {
    return this.setting.chain;
  }
  get wallets(): Setting['wallets'] {
    return this.setting.wallets;
  }
  get verifier(): Setting['verifier'] {
    return this.setting.verifier;
  }
  get now(): number {
    return this.chain.now!;
  }
  set now(now: number) {
    this.chain.now = now;
  }

  /** Least values at live prices. */
  get createValue(): bigint {
    return requiredZkJobValue(this.terms.price, pricesOf(this.chain));
  }
  get proofValue(): bigint {
    return requiredProofValue(pricesOf(this.chain));
  }
  get reserveValue(): bigint {
    return requiredReservationValue(pricesOf(this.chain));
  }

  /** Any body to the job, deploying it. */
  send(from: Wallet, value: bigint, body: Cell, bounce = true): Promise<SendMessageResult> {
    return from.send({ to: this.job.address, value, body, init: this.job.init, bounce });
  }

  open(value = this.createValue, from = this.wallets.client, identity = IDENTITY): Promise<SendMessageResult> {
    return this.send(from, value, packCreateZkJob(identity));
  }

  reserve(payee = this.wallets.prover, value = this.reserveValue): Promise<SendMessageResult> {
    return this.job.sendReserve(payee.getSender(), { value, payee: payee.address });
  }

  /** A valid proof for a payee, kept: each takes some milliseconds. */
  proof(payee: Wallet = this.wallets.prover, verdict = VERDICT, commit = this.terms.commit): Groth16Proof {
    const escrow = this.job.address;
    const name = [escrow, payee.address, verdict, commit].join();
    let proof = proofs.get(name);
    if (!proof) {
      const context = { networkId: NETWORK_ID, verifier: this.verifier.address.hash, escrow: escrow.hash, payee: payee.address.hash };
      proofs.set(name, (proof = proofFor(TRAPDOOR, [commit, verdict], context)));
    }
    return proof;
  }

  /** The prover proves for itself and is paid, unless told otherwise. */
  prove(options: { payee?: Wallet; from?: Wallet; verdict?: bigint; value?: bigint } = {}): Promise<SendMessageResult> {
    const { payee = this.wallets.prover, from = payee, verdict = VERDICT, value = this.proofValue } = options;
    const proof = this.proof(payee, verdict);
    return this.submit(packSubmitProof({ escrow: this.job.address, payee: payee.address, proof, inputs: [this.terms.commit, verdict] }), value, from);
  }

  /** Any body to the verifier. */
  submit(body: Cell, value = this.proofValue, from = this.wallets.prover): Promise<SendMessageResult> {
    return from.send({ to: this.verifier.address, value, body });
  }

  end(init?: { code: Cell; data: Cell }, body = new Cell()): Promise<SendMessageResult> {
    const message: Message = { info: { type: 'external-in', dest: this.job.address, importFee: 0n }, init, body };
    return this.chain.sendMessage(message);
  }

  /** A message to the job as if the verifier, or another, had sent it. */
  accepted(payee: Address, inputs: readonly bigint[], options: { from?: Address; value?: bigint; bounce?: boolean } = {}): Promise<SendMessageResult> {
    const { from = this.verifier.address, value = toNano('0.01'), bounce = false } = options;
    const given = beginCell();
    for (const input of inputs) given.storeUint(input, 256);
    const body = beginCell().storeUint(0x0c82, 32).storeBuffer(payee.hash).storeRef(given.endCell()).endCell();
    const info = { type: 'internal', ihrDisabled: true, bounce, bounced: false, src: from, dest: this.job.address, value: { coins: value }, ihrFee: 0n, forwardFee: 0n, createdLt: 0n, createdAt: 0 } as const;
    return this.chain.sendMessage({ info, body });
  }

  async balance(address: Address): Promise<bigint> {
    return (await this.chain.getContract(address)).balance;
  }
}

/** What a job answered to client and payees, in order. */
export const answers = (transactions: readonly Transaction[]): ZkJobMessage[] =>
  transactions.flatMap(({ inMessage }) => {
    const message = inMessage?.info.type === 'internal' ? parseZkJobMessage(inMessage.body) : null;
    return message === null ? [] : [message];
  });
