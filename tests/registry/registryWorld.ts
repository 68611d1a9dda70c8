import { type Address, type Cell, type Message, toNano, type Transaction } from '@ton/core';
import { type KeyPair, keyPairFromSeed, sign } from '@ton/crypto';
import {
  Blockchain,
  createShardAccount,
  internal,
  type SandboxContract,
  type SendMessageResult,
  type TreasuryContract,
} from '@ton/sandbox';
import { type Build, buildHash } from '../../protocol';
import { AttestationRegistry, type BuiltImage, type Governance } from '../../wrappers';
import { sumFees } from '../support/fees';
import { NETWORK_ID, patternBytes, START } from '../support/jobWorld';
import { exitCode } from '../support/stakeWorld';
import { createSandbox } from '../support/sandbox';

export const DAY = 86_400;
export const VALUE = toNano('1');

/** Builders' keys in ascending order of the public keys. */
export const BUILDERS: KeyPair[] = Array.from({ length: 17 }, (_, index) =>
  keyPairFromSeed(Buffer.alloc(32, 150 + index)),
).sort((a, b) => Buffer.compare(a.publicKey, b.publicKey));

export const imageHash = (index: number): Uint8Array => patternBytes(32, 100 + index);

let shared: { chain: Blockchain; start: ReturnType<Blockchain['snapshot']> } | undefined;

/** A registry with a governor, a guardian and builders; somebody who may become governor, and a stranger. */
export class RegistryWorld {
  private constructor(
    readonly chain: Blockchain,
    readonly governor: SandboxContract<TreasuryContract>,
    readonly guardian: SandboxContract<TreasuryContract>,
    readonly next: SandboxContract<TreasuryContract>,
    readonly stranger: SandboxContract<TreasuryContract>,
    readonly first: Governance,
    readonly registry: SandboxContract<AttestationRegistry>,
  ) {}

  /** One sandbox per test file, taken back to its start. By default two of the first three builders are enough. */
  static async create(builders = BUILDERS.slice(0, 3), threshold = Math.min(2, builders.length)) {
    const chain = shared?.chain ?? (await createSandbox());
    const names = ['governor', 'guardian', 'next governor', 'stranger'];
    if (!shared) {
      chain.now = START;
      for (const name of names) await chain.treasury(name);
      shared = { chain, start: chain.snapshot() };
    }
    await chain.loadFrom(shared.start);
    chain.now = START;
    const [governor, guardian, next, stranger] = await Promise.all(names.map((name) => chain.treasury(name)));
    const first: Governance = {
      governor: governor.address,
      guardian: guardian.address,
      builders: builders.map(({ publicKey }) => publicKey),
      threshold,
      tcbStatuses: ['UpToDate'],
    };
    const registry = chain.openContract(await AttestationRegistry.fromGovernance({ networkId: NETWORK_ID, ...first }));
    await registry.sendTopUp(stranger.getSender(), { value: toNano('5') });
    return new RegistryWorld(chain, governor, guardian, next, stranger, first, registry);
  }

  /** As many builders as are enough by default. */
  static signers(): KeyPair[] {
    return BUILDERS.slice(0, 2);
  }

  get address(): Address {
    return this.registry.address;
  }

  get now(): number {
    return this.chain.now!;
  }

  later(seconds: number): void {
    this.chain.now = this.now + seconds;
  }

  /** Any message from any account, its whole value for the registry. */
  send(from: Address, body: Cell, options: Partial<Parameters<typeof internal>[0]> = {}): Promise<SendMessageResult> {
    const message: Message = internal({ from, to: this.address, value: VALUE, bounce: true, body, ...options });
    return this.chain.sendMessage(message);
  }

  /** Exit code of the registry for what was sent to it. */
  async exit(sent: Promise<SendMessageResult>): Promise<number> {
    return exitCode(await sent, this.address);
  }

  /** All that the registry remembers. */
  async data(): Promise<Cell> {
    const { accountState } = await this.chain.getContract(this.address);
    if (accountState?.type !== 'active') throw new Error('the registry is not active');
    return accountState.state.data!;
  }

  /** Gives the registry another memory, and 5 TON. */
  async setData(data: Cell): Promise<void> {
    const { code } = this.registry.init!;
    const account = createShardAccount({ address: this.address, code, data, balance: toNano('5'), workchain: 0 });
    await this.chain.setShardAccount(this.address, account);
  }

  /** Its hash: equal when nothing changed. */
  async state(): Promise<string> {
    return (await this.data()).hash().toString('hex');
  }

  async balance(address: Address = this.address): Promise<bigint> {
    return (await this.chain.getContract(address)).balance;
  }

  /** Statement of these builders that they built the image, and what a test makes wrong about it. */
  built(hash: Uint8Array, signers: KeyPair[], wrong: Partial<Build> = {}, claims = 1): BuiltImage {
    const validUntil = wrong.validUntil ?? this.now + DAY;
    const build = { networkId: NETWORK_ID, registry: this.address.hash, imageHash: hash, claims, validUntil, ...wrong };
    const signed = Buffer.from(buildHash(build));
    const signatures = signers.map(({ publicKey, secretKey }) => ({
      builder: publicKey,
      signature: sign(signed, secretKey),
    }));
    return { imageHash: hash, claims, validUntil, signatures };
  }

  propose(index: number, claims = 1, from = this.governor): Promise<SendMessageResult> {
    const message = { value: VALUE, imageHash: imageHash(index), claims };
    return this.registry.sendProposeImage(from.getSender(), message);
  }

  activate(index: number): Promise<SendMessageResult> {
    return this.registry.sendActivateImage(this.stranger.getSender(), { value: VALUE, imageHash: imageHash(index) });
  }

  revoke(index: number, from = this.guardian): Promise<SendMessageResult> {
    return this.registry.sendRevokeImage(from.getSender(), { value: VALUE, imageHash: imageHash(index) });
  }

  prune(index: number): Promise<SendMessageResult> {
    return this.registry.sendPruneImage(this.stranger.getSender(), { value: VALUE, imageHash: imageHash(index) });
  }

  proposeGovernance(next: Partial<Governance> = {}, from = this.governor): Promise<SendMessageResult> {
    const set = { ...this.first, governor: this.next.address, ...next };
    return this.registry.sendProposeGovernance(from.getSender(), { value: VALUE, next: set });
  }

  accept(from = this.next): Promise<SendMessageResult> {
    return this.registry.sendAcceptGovernance(from.getSender(), { value: VALUE });
  }

  cancel(from = this.governor): Promise<SendMessageResult> {
    return this.registry.sendCancelGovernance(from.getSender(), { value: VALUE });
  }
}

/** The transaction in which an account handled a message from another one. */
export function handled(result: SendMessageResult, to: Address, from?: Address): Transaction | undefined {
  return result.transactions.find(({ inMessage }) => {
    const info = inMessage?.info;
    const isFrom = from === undefined || (info?.type === 'internal' && info.src.equals(from));
    return info?.type === 'internal' && info.dest.equals(to) && isFrom;
  });
}

/** What arrived, nanoTON, in a message from one account at another. */
export function received(result: SendMessageResult, to: Address, from: Address): bigint {
  const info = handled(result, to, from)?.inMessage?.info;
  return info?.type === 'internal' ? info.value.coins : 0n;
}

export const feesIn = (result: SendMessageResult): bigint => sumFees(result.transactions).totalNano;
