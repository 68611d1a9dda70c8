/** A provider with a stake, a registry of the simulated root, collateral, and a worker key that can become attested. */
import { type Cell, toNano, type Transaction } from '@ton/core';
import { keyPairFromSeed } from '@ton/crypto';
import { type Blockchain, type SandboxContract, type SendMessageResult, type TreasuryContract } from '@ton/sandbox';
import { registrationCell } from '../../attest/cells';
import { collateralCells, type CollateralCells } from '../../attest/collateralCells';
import { parseQuote } from '../../attest/quote';
import { simulatedCollateral, type SimulatedCollateral } from '../../attest/simulated/collateral';
import { SIMULATED_FMSPC, SIMULATED_ROOT, simulatedQuote, type SimulatedQuote } from '../../attest/simulated/quote';
import { reportDataOf } from '../../protocol';
import { AttestationRegistry, AttestedKey, type AttestReason, Collateral, COLLATERAL_POSTS, parseKeyJudged, ProviderStake, type RecentBlock } from '../../wrappers';
import { NETWORK_ID, patternBytes } from '../support/jobWorld';
import { createSandbox } from '../support/sandbox';

export const DAY = 86_400;
export const NOW = 1_780_000_000;
export const STAKE = toNano('100');
export const WORKER = keyPairFromSeed(Buffer.alloc(32, 91));
export const SEALING_KEY = patternBytes(32, 92);
export const VALUE = toNano('2');
/** Of a simulated quote that names no measurement: SHA-256 of 384 zero bytes. */
export const IMAGE_HASH = Buffer.from('a1a4f5721c1c4610af7f71078f3a68c330536d679803b0e0507ee8dc10c5dfca', 'hex');
export const CLAIMS = 1;

const NEWEST_BLOCK = 50_000_000;
export const blockAt = (seqno: number): RecentBlock => ({ seqno, rootHash: patternBytes(32, (seqno / 100) % 251) });

/** What TVM's PREVMCBLOCKS_100 holds: 16 blocks, newest first. */
export const prevBlocks = (newest = NEWEST_BLOCK) => {
  const entry = (seqno: number) => ({
    workchain: -1, shard: -(2n ** 63n), seqno, rootHash: Buffer.from(blockAt(seqno).rootHash), fileHash: Buffer.alloc(32, 1),
  });
  return {
    lastMcBlocks: Array.from({ length: 16 }, (_, i) => entry(newest - i)), prevKeyBlock: entry(newest - 900),
    lastMcBlocks100: Array.from({ length: 16 }, (_, i) => entry(newest - 100 * i)),
  };
};

let shared: { chain: Blockchain; start: ReturnType<Blockchain['snapshot']> } | undefined;

export class AttestWorld {
  private constructor(
    readonly chain: Blockchain,
    readonly governor: SandboxContract<TreasuryContract>,
    readonly owner: SandboxContract<TreasuryContract>,
    readonly stranger: SandboxContract<TreasuryContract>,
    readonly registry: SandboxContract<AttestationRegistry>,
    readonly stake: SandboxContract<ProviderStake>,
    readonly collateral: SandboxContract<Collateral>,
    readonly key: SandboxContract<AttestedKey>,
  ) {}

  /** One sandbox per test file, taken back to its start: image in force, collateral posted, key not attested yet. */
  static async create(): Promise<AttestWorld> {
    const isNew = !shared;
    const chain = shared?.chain ?? (await createSandbox());
    if (shared) await chain.loadFrom(shared.start);
    chain.now = isNew ? NOW - 8 * DAY : NOW;
    chain.prevBlocks = prevBlocks();
    const [governor, owner, stranger] = await Promise.all(['governor', 'owner', 'stranger'].map((name) => chain.treasury(name)));
    const registry = chain.openContract(await AttestationRegistry.fromGovernance({
      networkId: NETWORK_ID, root: SIMULATED_ROOT, governor: governor.address, guardian: governor.address, builders: [], threshold: 0,
    }));
    const stake = chain.openContract(await ProviderStake.fromOwner({ networkId: NETWORK_ID, registry: registry.address, owner: owner.address }));
    const scope = { registry: registry.address, root: SIMULATED_ROOT, fmspc: BigInt(`0x${SIMULATED_FMSPC.toString('hex')}`), isProcessorCa: false };
    const collateral = chain.openContract(await Collateral.fromScope(scope));
    const key = chain.openContract(await AttestedKey.fromScope({
      networkId: NETWORK_ID, registry: registry.address, owner: owner.address, stake: stake.address, workerKey: WORKER.publicKey,
      root: SIMULATED_ROOT,
    }));
    const world = new AttestWorld(chain, governor, owner, stranger, registry, stake, collateral, key);
    if (isNew) {
      await registry.sendTopUp(stranger.getSender(), { value: toNano('5') });
      await registry.sendProposeImage(governor.getSender(), { value: VALUE, imageHash: IMAGE_HASH, claims: CLAIMS });
      chain.now = NOW;
      await registry.sendActivateImage(stranger.getSender(), { value: VALUE, imageHash: IMAGE_HASH });
      await stake.sendDeposit(owner.getSender(), { value: STAKE + toNano('3'), amount: STAKE });
      await world.post();
      shared = { chain, start: chain.snapshot() };
    }
    return world;
  }

  /** All four parts of collateral, by a stranger. */
  async post(options: Partial<SimulatedCollateral> = {}): Promise<SendMessageResult[]> {
    const cells = this.collateralCells(options);
    const results = [];
    for (const pack of Object.values(COLLATERAL_POSTS)) results.push(await this.postPart(pack(cells)));
    return results;
  }

  collateralCells(options: Partial<SimulatedCollateral> = {}): CollateralCells {
    return collateralCells(simulatedCollateral({ issuedAt: this.chain.now! - DAY, ...options }), SIMULATED_ROOT);
  }

  postPart(body: Cell, value = VALUE): Promise<SendMessageResult> {
    return this.stranger.send({ to: this.collateral.address, value, body, init: this.collateral.init });
  }

  reportData(overrides: Partial<Parameters<typeof reportDataOf>[0]> = {}, block = blockAt(NEWEST_BLOCK)): Buffer {
    return Buffer.from(reportDataOf({
      networkId: NETWORK_ID, registry: this.registry.address.hash, owner: this.owner.address.hash, workerKey: WORKER.publicKey,
      sealingKey: SEALING_KEY, blockSeqno: block.seqno, blockHash: block.rootHash, ...overrides,
    }));
  }

  quote(options: SimulatedQuote = {}): Cell {
    const bytes = simulatedQuote({ ...options, body: { reportData: this.reportData(), ...options.body } });
    return registrationCell(parseQuote(bytes));
  }

  /** The owner registers the key. */
  attest(options: SimulatedQuote = {}, sent: { value?: bigint; by?: SandboxContract<TreasuryContract>; block?: RecentBlock; sealingKey?: Uint8Array } = {}) {
    return this.key.sendAttest((sent.by ?? this.owner).getSender(), {
      value: sent.value ?? VALUE, sealingKey: sent.sealingKey ?? SEALING_KEY, block: sent.block ?? blockAt(NEWEST_BLOCK),
      quote: this.quote(options),
    });
  }

  later(seconds: number): void {
    this.chain.now = this.chain.now! + seconds;
  }
}

/** What the payer was told at the end of a star; null when it was not told a reason. */
export const judged = (transactions: Transaction[]): AttestReason | null => {
  const found = transactions.map(({ inMessage }) => inMessage && parseKeyJudged(inMessage.body)).filter((told) => told);
  return found.length === 1 ? found[0]!.reason : null;
};

/** Exit code of the only transaction of this account, or of its first. */
export const exitCodeAt = (transactions: Transaction[], account: { address: { hash: Buffer } }): number | undefined => {
  const found = transactions.find((transaction) => transaction.address === BigInt(`0x${account.address.hash.toString('hex')}`));
  if (found?.description.type !== 'generic') return undefined;
  const { computePhase } = found.description;
  return computePhase.type === 'vm' ? computePhase.exitCode : undefined;
};
