import { after, before, beforeEach } from 'node:test';
import { internal, type Sender, SendMode, toNano } from '@ton/core';
import { keyPairFromSeed, sign } from '@ton/crypto';
import { type OpenedContract, TonClient, WalletContractV4 } from '@ton/ton';
import { type Devnet, startDevnet } from '../../../devnet';
import { ChainPair, type PairOptions } from '../../../miniapp/src/chain';
import { keyClaimHash } from '../../../protocol';
import { AttestationRegistry, Claim, PaymentChannel, type PaymentChannelTerms, ProviderStake } from '../../../wrappers';
import { advance, fund, START } from '../../devnet/helpers';
import { LyingApi } from './lyingApi';

export const NETWORK = 2026;
export const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const DEPOSIT = toNano('2');

/** A devnet with a registry, an image, a stake with two keys and an open channel; two APIs in front of it, A and B. */
export interface ChainWorld {
  devnet: Devnet;
  client: TonClient;
  wallet: OpenedContract<WalletContractV4>;
  via: Sender;
  registry: OpenedContract<AttestationRegistry>;
  stake: OpenedContract<ProviderStake>;
  channel: OpenedContract<PaymentChannel>;
  terms: PaymentChannelTerms;
  a: LyingApi;
  b: LyingApi;
  /** Seconds that the devnet's clock was advanced. */
  later: number;
  pair(options?: PairOptions): ChainPair;
  /** Another channel of the same parties, or one whose client is somebody else. */
  open(changes: Partial<PaymentChannelTerms>): Promise<OpenedContract<PaymentChannel>>;
}

/** One world for a file's tests; both APIs tell the truth again before each. */
export function sharedWorld(): ChainWorld {
  const world = { later: 0 } as ChainWorld;
  before(async () => Object.assign(world, await create(world)));
  beforeEach(() => {
    for (const api of [world.a, world.b]) {
      api.lie = null;
      api.asked.length = 0;
      api.requests.length = 0;
    }
  });
  after(async () => {
    await Promise.all([world.a.close(), world.b.close(), world.devnet.close()]);
  });
  return world;
}

async function create(world: ChainWorld): Promise<Partial<ChainWorld>> {
  const devnet = await startDevnet({ clock: { startSeconds: START } });
  const client = new TonClient({ endpoint: devnet.endpoint });
  const { publicKey, secretKey } = keyPairFromSeed(Buffer.alloc(32, 1));
  const wallet = client.open(WalletContractV4.create({ workchain: 0, publicKey }));
  const via: Sender = {
    address: wallet.address,
    async send({ to, value, init, body }) {
      const messages = [internal({ to, value, init, body })];
      const seqno = await wallet.getSeqno();
      await wallet.sendTransfer({ seqno, secretKey, messages, sendMode: SendMode.PAY_GAS_SEPARATELY, timeout: 0xffffffff });
    },
  };
  await fund(devnet, wallet.address, toNano('40'));
  const governance = { governor: wallet.address, guardian: wallet.address, builders: [fill(7)], threshold: 1 };
  const registry = client.open(await AttestationRegistry.fromGovernance({ networkId: NETWORK, ...governance }));
  await registry.sendTopUp(via, { value: toNano('1') });
  await registry.sendProposeImage(via, { value: toNano('0.2'), imageHash: fill(9), claims: Claim.cpuOnly });
  await registry.sendProposeImage(via, { value: toNano('0.2'), imageHash: fill(10), claims: Claim.gpuConfidential });
  await advance(devnet, 7 * 86_400 + 60);
  world.later = 7 * 86_400 + 60;
  await registry.sendActivateImage(via, { value: toNano('0.2'), imageHash: fill(9) });
  await registry.sendRevokeImage(via, { value: toNano('0.2'), imageHash: fill(9) });
  const stake = client.open(await ProviderStake.fromOwner({ networkId: NETWORK, registry: registry.address, owner: wallet.address }));
  await stake.sendDeposit(via, { value: toNano('6'), amount: toNano('3') });
  for (const seed of [2, 3]) {
    const worker = keyPairFromSeed(Buffer.alloc(32, seed));
    const key = { sealingKey: fill(60 + seed), endUnix: START + 30 * 86_400 };
    const proof = sign(Buffer.from(keyClaimHash({ networkId: NETWORK, stake: new Uint8Array(stake.address.hash), ...key })), worker.secretKey);
    await stake.sendAddWorkerKey(via, { value: toNano('0.2'), workerKey: worker.publicKey, proof, ...key });
  }
  await stake.sendRemoveWorkerKey(via, { value: toNano('0.2'), workerKey: keyPairFromSeed(Buffer.alloc(32, 3)).publicKey });
  await stake.sendSetDescriptor(via, { value: toNano('0.2'), endpoint: 'https://gpu.example.org/ü', descriptorHash: fill(5) });
  await stake.sendThaw(via, { value: toNano('0.2'), amount: toNano('1') });
  const terms: PaymentChannelTerms = {
    networkId: NETWORK, client: wallet.address, clientKey: fill(11), stake: stake.address, payout: registry.address, claimKey: fill(12), closeDelay: 86_400,
    expiry: START + 90 * 86_400,
  };
  const open = async (changes: Partial<PaymentChannelTerms>) => {
    const opened = client.open(await PaymentChannel.fromTerms({ ...terms, ...changes }));
    await opened.sendTopUp(via, DEPOSIT);
    return opened;
  };
  const channel = await open({});
  const [a, b] = [await LyingApi.start(devnet.url), await LyingApi.start(devnet.url)];
  const pair = (options: PairOptions = {}): ChainPair =>
    new ChainPair([{ name: 'A', url: a.url }, { name: 'B', url: b.url }], { now: () => START + world.later, timeoutMillis: 5_000, againMillis: 5, busyMillis: 5, ...options });
  return { devnet, client, wallet, via, registry, stake, channel, terms, a, b, pair, open };
}
