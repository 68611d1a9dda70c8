import { toNano, type Transaction } from '@ton/core';
import { keyPairFromSeed, sign } from '@ton/crypto';
import { type Blockchain, type SandboxContract, type SendMessageResult, type TreasuryContract } from '@ton/sandbox';
import {
  type Build,
  buildHash,
  encodeReceipt,
  encodeTerms,
  keyClaimHash,
  type Receipt,
  receiptHash,
  SEMANTICS,
  type Terms,
  termsHash,
} from '../protocol';
import { sumFees } from '../tests/support/fees';
import { AttestationRegistry, ProviderStake, type SignedReceipt, toCell } from '../wrappers';
import { type FeeRow, row } from './feeRow';
import { createSandbox } from '../tests/support/sandbox';

const NETWORK_ID = -239;
const START = 1_800_000_000;
const DAY = 86_400;
const bytes = (salt: number, length = 32): Uint8Array => new Uint8Array(length).fill(salt);
const worker = keyPairFromSeed(Buffer.alloc(32, 2));
const builders = [11, 12, 13]
  .map((seed) => keyPairFromSeed(Buffer.alloc(32, seed)))
  .sort((a, b) => Buffer.compare(a.publicKey, b.publicKey));

/** Attached to every message; what it does not use returns. */
const VALUE = toNano('1');

/** A registry and a provider's stake on a fresh chain. */
class Market {
  private constructor(
    readonly chain: Blockchain,
    readonly governor: SandboxContract<TreasuryContract>,
    readonly owner: SandboxContract<TreasuryContract>,
    readonly watcher: SandboxContract<TreasuryContract>,
    readonly registry: SandboxContract<AttestationRegistry>,
    readonly stake: SandboxContract<ProviderStake>,
  ) {}

  static async create(): Promise<Market> {
    const chain = await createSandbox();
    chain.now = START;
    const [governor, owner, watcher] = await Promise.all(['governor', 'owner', 'watcher'].map((name) => chain.treasury(name)));
    const registry = chain.openContract(
      await AttestationRegistry.fromGovernance({
        networkId: NETWORK_ID,
        governor: governor.address,
        guardian: watcher.address,
        builders: builders.map(({ publicKey }) => publicKey),
        threshold: builders.length,
      }),
    );
    const stake = chain.openContract(
      await ProviderStake.fromOwner({ networkId: NETWORK_ID, registry: registry.address, owner: owner.address }),
    );
    return new Market(chain, governor, owner, watcher, registry, stake);
  }

  later(seconds: number): void {
    this.chain.now! += seconds;
  }

  claim(endUnix: number): { workerKey: Uint8Array; sealingKey: Uint8Array; endUnix: number; proof: Uint8Array } {
    const sealingKey = bytes(7);
    const claim = { networkId: NETWORK_ID, stake: new Uint8Array(this.stake.address.hash), sealingKey, endUnix };
    const proof = sign(Buffer.from(keyClaimHash(claim)), worker.secretKey);
    return { workerKey: worker.publicKey, sealingKey, endUnix, proof };
  }

  terms(tier: number): Terms {
    return {
      networkId: NETWORK_ID,
      tier,
      visibility: 0,
      flags: 0,
      semantics: SEMANTICS,
      client: new Uint8Array(this.watcher.address.hash),
      stake: new Uint8Array(this.stake.address.hash),
      workerKey: worker.publicKey,
      salt: bytes(tier, 16),
      modelRoot: bytes(3),
      requestCommit: bytes(4),
      responseKeyHash: bytes(5),
      maxTokens: 32,
      expiresAt: this.chain.now! + 600,
      promptPrice: 0n,
      outputPrice: 0n,
      fixedPrice: toNano('0.1'),
      coverage: 0n,
      imageHash: bytes(0),
    };
  }

  receipt(terms: Terms, escrow: Uint8Array, salt: number): SignedReceipt {
    const receipt: Receipt = {
      networkId: NETWORK_ID,
      termsHash: termsHash(terms),
      escrow,
      seq: 0,
      index: 0,
      final: true,
      finishReason: 0,
      issuedAt: this.chain.now!,
      dueNano: terms.fixedPrice,
      sealedHash: bytes(salt),
      responseCommit: bytes(salt),
      traceCommit: bytes(salt),
      promptTokens: 3,
      outputTokens: 4,
    };
    return {
      receipt: toCell(encodeReceipt(receipt)),
      signature: sign(Buffer.from(receiptHash(receipt)), worker.secretKey),
    };
  }

  built(imageHash: Uint8Array, claims: number) {
    const build: Build = {
      networkId: NETWORK_ID,
      registry: new Uint8Array(this.registry.address.hash),
      imageHash,
      claims,
      validUntil: this.chain.now! + DAY,
    };
    const signatures = builders.map((key) => ({
      builder: key.publicKey,
      signature: sign(Buffer.from(buildHash(build)), key.secretKey),
    }));
    return { imageHash, claims, validUntil: build.validUntil, signatures };
  }
}

/** Measures what every message of ProviderStake and AttestationRegistry costs, with all that follows from it. */
export async function measureMarketFees(): Promise<FeeRow[]> {
  const rows: FeeRow[] = [];
  const measure = async (operation: string, send: Promise<SendMessageResult>): Promise<void> => {
    const transactions: Transaction[] = (await send).transactions;
    for (const { description, address } of transactions) {
      const aborted = description.type === 'generic' && description.aborted && description.computePhase.type === 'vm';
      if (aborted) throw new Error(`${operation} was refused by ${address.toString(16)}`);
    }
    rows.push(row(operation, sumFees(transactions)));
  };
  const market = await Market.create();
  const { stake, registry } = market;
  const owner = market.owner.getSender();
  const governor = market.governor.getSender();
  const watcher = market.watcher.getSender();
  const imageHash = bytes(1);
  await measure('registry-deploy', registry.sendTopUp(governor, { value: toNano('5') }));
  await measure('stake-deposit-first', stake.sendDeposit(owner, { value: toNano('102'), amount: toNano('100') }));
  await measure('stake-add-key-and-announce', stake.sendAddWorkerKey(owner, { value: VALUE, ...market.claim(START + 90 * DAY) }));
  await measure('stake-renew-key', stake.sendAddWorkerKey(owner, { value: VALUE, ...market.claim(START + 91 * DAY) }));
  await measure('stake-deposit', stake.sendDeposit(owner, { value: toNano('2'), amount: toNano('1') }));
  await measure(
    'stake-set-descriptor',
    stake.sendSetDescriptor(owner, { value: VALUE, endpoint: 'https://gpu.example.org:8443', descriptorHash: bytes(8) }),
  );
  const honest = market.terms(0);
  const job = bytes(21);
  await measure(
    'stake-report-two-receipts',
    stake.sendReportTwoReceipts(watcher, {
      value: VALUE,
      terms: toCell(encodeTerms(honest)),
      first: market.receipt(honest, job, 1),
      second: market.receipt(honest, job, 2),
    }),
  );
  const mislabelled = market.terms(1);
  await measure(
    'stake-report-mislabelled',
    stake.sendReportMislabelled(watcher, {
      value: VALUE,
      terms: toCell(encodeTerms(mislabelled)),
      receipt: market.receipt(mislabelled, bytes(22), 1),
    }),
  );
  await measure('stake-top-up', stake.sendTopUp(watcher, { value: VALUE }));
  await measure('stake-remove-key', stake.sendRemoveWorkerKey(owner, { value: VALUE, workerKey: worker.publicKey }));
  const { active } = await stake.getStatus();
  await measure('stake-thaw', stake.sendThaw(owner, { value: VALUE, amount: active }));
  market.later(11 * DAY);
  await measure('stake-prune-key', stake.sendPruneWorkerKey(watcher, { value: VALUE, workerKey: worker.publicKey }));
  market.later(4 * DAY);
  await measure('stake-withdraw', stake.sendWithdraw(owner, { value: VALUE }));

  await measure('registry-propose-image', registry.sendProposeImage(governor, { value: VALUE, imageHash, claims: 1 }));
  const built = market.built(bytes(2), 1);
  await measure('registry-propose-built-image', registry.sendProposeBuiltImage(watcher, { value: VALUE, ...built }));
  market.later(7 * DAY);
  await measure('registry-activate-image', registry.sendActivateImage(watcher, { value: VALUE, imageHash }));
  await measure('registry-revoke-image', registry.sendRevokeImage(watcher, { value: VALUE, imageHash }));
  market.later(31 * DAY);
  await measure('registry-prune-image', registry.sendPruneImage(watcher, { value: VALUE, imageHash }));
  const next = await registry.getGovernance();
  await measure('registry-propose-governance', registry.sendProposeGovernance(governor, { value: VALUE, next }));
  await measure('registry-cancel-governance', registry.sendCancelGovernance(governor, { value: VALUE }));
  await registry.sendProposeGovernance(governor, { value: VALUE, next });
  market.later(7 * DAY);
  await measure('registry-accept-governance', registry.sendAcceptGovernance(governor, { value: VALUE }));
  return rows;
}
