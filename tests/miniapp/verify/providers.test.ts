/** Providers as the page finds them out: a relay that lies, APIs that contradict each other, descriptors and quotes with one thing wrong. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Address } from '@ton/core';
import { simulatedImageHash, simulatedPlatformQuote } from '../../../attest/simulated/platform';
import { type SimulatedQuote, simulatedQuote } from '../../../attest/simulated/quote';
import { parseQuote } from '../../../attest/quote';
import { type RegistryState, type StakeState, stakeAddress, type WorkerKey } from '../../../miniapp/src/chain';
import { type Claim, type PageConfig, PROVIDER_CLAIMS, type ProviderView, type Reading } from '../../../miniapp/src/types';
import { type ChainReader, loadProviders } from '../../../miniapp/src/verify';
import { reportDataOf } from '../../../protocol';
import { descriptorBytes } from '../../../worker/descriptor';
import type { ServiceOptions } from '../../../worker/service';
import { Claim as ImageClaim, TCB_STATUS } from '../../../wrappers';
import { descriptorHashOf } from '../../../wrappers/discovery';

const NOW = 1_780_000_000;
const bytes = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex');
const [REGISTRY, OWNER, WORKER, SEALING, MODEL] = [1, 2, 3, 4, 5].map((value) => hex(bytes(value)));
const IMAGE = hex(simulatedImageHash());
const CONFIG: PageConfig = {
  network: 'devnet', networkId: 2026, registry: REGISTRY, relay: 'https://relay.example', apis: [{ name: 'A', url: 'https://a' }, { name: 'B', url: 'https://b' }],
  models: [{ root: MODEL, name: 'm', tokenizer: '/m.json' }], quoteRoot: 'simulated', manifestUrl: 'https://x', wallets: [], payInTelegram: true, deposit: '1',
};
const STAKE = stakeAddress({ networkId: 2026, registry: REGISTRY, owner: OWNER });

/** The bytes that a worker serves. */
const descriptorText = (changes: { backend?: string; root?: number; sealing?: number; networkId?: number; stake?: Uint8Array } = {}): string => String(Buffer.from(descriptorBytes({
  policy: { networkId: changes.networkId ?? 2026, workerKey: bytes(3), payout: new Address(0, Buffer.alloc(32, 6)), minPrice: 1n, minSeconds: 30, maxSeconds: 60, tier: 0 },
  model: { name: 'm', model: { modelRoot: bytes(changes.root ?? 5), config: { context: 512 } } }, engine: { backend: changes.backend ?? 'wasm', adapter: 'x' },
  keys: { sealingPublic: bytes(changes.sealing ?? 4) }, stake: changes.stake ?? Buffer.from(STAKE, 'hex'), maxTokens: 64, maxCoverage: 1n,
  channels: { claimKey: { publicKey: bytes(7) }, promptPrice: 11n, outputPrice: 22n },
} as unknown as ServiceOptions)));

interface World {
  config: PageConfig;
  key: Partial<WorkerKey>;
  stake: Partial<StakeState>;
  image: Partial<{ claims: number; effectiveFrom: number; revokedAt: number }> | null;
  isSimulated: boolean;
  descriptor: string;
  listed: object;
  quote: Buffer;
  /** Of the file around the quote. */
  block: number;
  /** What the relay answers for the quote, instead. */
  quoteReply: Response;
  stakeReading: Reading<never>;
  registryReading: Reading<never>;
  now: number;
}

const reportData = (changes: Partial<Parameters<typeof reportDataOf>[0]> = {}): Uint8Array =>
  reportDataOf({ networkId: 2026, registry: bytes(1), owner: bytes(2), workerKey: bytes(3), sealingKey: bytes(4), blockSeqno: 900, blockHash: bytes(9), ...changes });
const GOOD_QUOTE = simulatedPlatformQuote(reportData(), NOW);

async function load(changes: Partial<World> = {}): Promise<ProviderView> {
  const world: Partial<World> & Pick<World, 'config' | 'key' | 'stake' | 'image' | 'descriptor' | 'quote'> = { config: CONFIG, key: {}, stake: {}, image: {}, descriptor: descriptorText(), quote: GOOD_QUOTE, ...changes };
  const key: WorkerKey = {
    workerKey: WORKER, sealingKey: SEALING, tier: 1, imageHash: IMAGE, claims: 1, tcbStatus: 1, revocationEpoch: 0, fromUnix: NOW - 100, endUnix: NOW + 86_400, removedAt: 0, ...world.key,
  };
  const stake = {
    networkId: 2026, registry: REGISTRY, owner: OWNER, active: 10n ** 10n, minimum: 10n ** 9n, reserved: 0n, thawing: 0n, thawedAt: 0, slashed: 0n, faults: 0, openCases: 0, keyCount: 1,
    descriptorHash: hex(descriptorHashOf(Buffer.from(world.descriptor))), endpoint: 'x', keys: [key], asOf: NOW - 10, ...world.stake,
  };
  const images: RegistryState['images'] = new Map(world.image === null ? [] : [[IMAGE, { claims: 1, proposedAt: 1, effectiveFrom: 2, revokedAt: 0, ...world.image }]]);
  const chain: ChainReader = {
    stake: async (account) => world.stakeReading ?? { agreement: 'both', value: account === STAKE ? stake : null },
    registry: async () => world.registryReading ?? { agreement: 'both', value: { networkId: 2026, isSimulated: world.isSimulated ?? true, epoch: 0, images, asOf: NOW - 20 } },
  };
  const listed = { stake: `0:${STAKE}`, owner: `0:${OWNER}`, descriptor: world.descriptor, channel: `/v1/channel/${STAKE}`, activeNano: '1', keys: [], ...world.listed };
  const replies: Record<string, () => Response> = {
    'https://relay.example/v1/providers': () => Response.json({ providers: [listed, { stake: 'nonsense' }, null] }),
    [`https://relay.example/v1/providers/${STAKE}/quote`]: () => world.quoteReply ?? Response.json({ quote: world.quote.toString('hex'), blockSeqno: world.block ?? 900, blockHash: hex(bytes(9)), more: 1 }),
  };
  const fetcher = (async (url: string) => replies[url]?.() ?? new Response('', { status: 404 })) as typeof fetch;
  const views = await loadProviders(world.config, chain, world.now ?? NOW, fetcher);
  assert.equal(views.length, 1);
  assert.deepEqual(views[0].claims.map(({ id }) => id).sort(), [...PROVIDER_CLAIMS].sort());
  return views[0];
}

const saying = (view: ProviderView, status: Claim['status']): string[] => view.claims.filter((one) => one.status === status).map(({ id, reason }) => `${id} ${reason.key.slice(7)}`);
const levelOf = ({ verdict: { level, canSend } }: ProviderView): string => `${level}${canSend ? ', sends' : ''}`;

describe('a provider', () => {
  test('of the attested tier on simulated hardware stands, and is never more than test hardware', async () => {
    const view = await load();
    assert.deepEqual([levelOf(view), saying(view, 'refuted'), saying(view, 'unknown')], ['test-hardware, sends', [], ['hardware hardwareSimulated', 'weights weightsExact']]);
    // Under a simulated root no hardware says anything.
    assert.ok(view.claims.every(({ status, source }) => status !== 'asserted' || source !== 'hardware-proven'));
    assert.deepEqual(view.offer, {
      stake: STAKE, owner: OWNER, tier: 'attested', workerKey: WORKER, sealingKey: SEALING, imageHash: IMAGE, modelRoot: MODEL, promptPrice: 11n, outputPrice: 22n, maxTokens: 64, contextTokens: 512,
      payout: hex(bytes(6)), claimKey: hex(bytes(7)), closeDelay: 86_400, channelPath: `/v1/channel/${STAKE}`,
    });
    assert.deepEqual([view.stakeActive, view.slashed, view.faults, view.keyEnd, view.checkedAt], [10n ** 10n, 0n, 0, NOW + 86_400, NOW - 20]);
  });

  test('of the bonded tier is amber: no quote is asked for, and the weights are its own word', async () => {
    const view = await load({ key: { tier: 0, imageHash: '00'.repeat(32), claims: 0, tcbStatus: 0 }, quoteReply: new Response('', { status: 500 }) });
    assert.deepEqual([levelOf(view), saying(view, 'refuted'), view.offer?.tier, view.checkedAt], ['bonded, sends', [], 'bonded', NOW - 10]);
    assert.deepEqual(saying(view, 'unknown').map((said) => said.split(' ')[1]), Array.from({ length: 7 }, () => 'notOfTier'));
    assert.deepEqual(view.claims.filter(({ id }) => id === 'weights').map(({ status, source, reason }) => [status, source, reason.key]), [['asserted', 'provider-asserted', 'verify.weightsBonded']]);
  });

  test('whose quote is simulated, or whose registry takes such quotes, is red under Intel\'s root', async () => {
    const config: PageConfig = { ...CONFIG, network: 'testnet', quoteRoot: 'intel' };
    const view = await load({ config });
    assert.deepEqual([levelOf(view), saying(view, 'refuted')], ['refuted', ['quote-certificates certSignature', 'hardware registrySimulated']]);
    assert.deepEqual(saying(await load({ config, isSimulated: false }), 'unknown'), ['hardware hardwareUnproven', 'weights weightsExact']);
  });

  const platform = (change: SimulatedQuote): Buffer => {
    const { mrTd, reportData: data } = parseQuote(GOOD_QUOTE).body;
    return simulatedQuote({ issuedAt: NOW - 86_400, ...change, body: { mrTd, reportData: data, ...change.body } });
  };
  const long = '1'.repeat(200);
  const broken: [string, Partial<World>, string[]][] = [
    ['a stake that is not its owner\'s', { listed: { owner: `0:${hex(bytes(8))}` } }, ['stake-address stakeOther']],
    ['a stake below the minimum', { stake: { active: 1n } }, ['stake-active stakeLow']],
    ['a stake that was slashed', { stake: { slashed: 1n } }, ['never-slashed slashed']], ['a promise that it broke', { stake: { faults: 1 } }, ['never-slashed slashed']],
    ['a key that is over', { key: { endUnix: NOW } }, ['key-current keyOver']], ['a key that was removed', { key: { removedAt: NOW - 3_600 } }, ['key-current keyOver']],
    ['a key of another tier', { key: { tier: 2 } }, ['key-listed keyOtherTier']],
    ['a key that the stake does not list', { stake: { keys: [] } }, ['key-listed keyNotListed', 'key-current keyNotListed', 'descriptor descriptorElse']],
    ['a descriptor with another hash', { stake: { descriptorHash: '00'.repeat(32) } }, ['descriptor descriptorOther']],
    ['a descriptor of another network', { descriptor: descriptorText({ networkId: -239 }) }, ['descriptor descriptorElse']],
    ['a descriptor of another stake', { descriptor: descriptorText({ stake: bytes(8) }) }, ['descriptor descriptorElse']],
    ['a descriptor with another sealing key', { descriptor: descriptorText({ sealing: 8 }) }, ['descriptor descriptorElse']],
    ['a channel that locks money for months', { descriptor: descriptorText().replace('"minCloseDelay":86400', '"minCloseDelay":8640000') }, ['channel-code channelDelay']],
    ['a revoked image', { image: { revokedAt: 9 } }, ['image-in-force imageRevoked']], ['an image that is only proposed', { image: { effectiveFrom: 0 } }, ['image-in-force imageUnknown']],
    ['an image that the registry does not know', { image: null }, ['image-in-force imageUnknown']], ['an image that does not keep prompts inside', { image: { claims: ImageClaim.noEgress } }, ['image-in-force imageLeaks']],
    ['a platform that is out of date', { key: { tcbStatus: TCB_STATUS.indexOf('OutOfDate') } }, ['tcb tcbBad']], ['no word on the platform', { key: { tcbStatus: 0 } }, ['tcb tcbBad']],
    ['a quote about another key', { quote: simulatedPlatformQuote(reportData({ workerKey: bytes(8) }), NOW) }, ['quote-keys badReportData']],
    ['a quote about another sealing key', { quote: simulatedPlatformQuote(reportData({ sealingKey: bytes(8) }), NOW) }, ['quote-keys badReportData']],
    ['a quote for another owner', { quote: simulatedPlatformQuote(reportData({ owner: bytes(8) }), NOW) }, ['quote-keys badReportData']],
    ['a quote for another registry', { quote: simulatedPlatformQuote(reportData({ registry: bytes(8) }), NOW) }, ['quote-keys badReportData']],
    ['a quote for another network', { quote: simulatedPlatformQuote(reportData({ networkId: -3 }), NOW) }, ['quote-keys badReportData']],
    ['a quote that is said to be of another block', { block: 901 }, ['quote-keys badReportData']],
    ['a quote of another image', { quote: platform({ body: { mrTd: Buffer.alloc(48, 1) } }) }, ['quote-body badImage']],
    ['a quote of a TD under debug', { quote: platform({ body: { tdAttributes: Buffer.from('0100001000000000', 'hex') } }) }, ['quote-body badDebug']],
    ['a quote of another enclave', { quote: platform({ changeQe: (report) => void (report[159] = 0) }) }, ['quote-signature badEnclave']],
    ['a quote whose certificates are over', { quote: simulatedQuote({ issuedAt: NOW - 8 * 31_536_000, body: parseQuote(GOOD_QUOTE).body }) }, ['quote-certificates certLate']],
    ['bytes that are no quote', { quote: Buffer.from('00', 'hex') }, ['quote-signature', 'quote-certificates', 'quote-body', 'quote-keys'].map((id) => `${id} quoteUnreadable`)],
  ];
  for (const [name, changes, expected] of broken) {
    test(`with ${name} is red, for that reason alone, and nothing is sent`, async () => {
      const view = await load(changes);
      assert.deepEqual([levelOf(view), saying(view, 'refuted')], ['refuted', expected]);
    });
  }

  test('without a quote that can be read is not verified, and nothing is sent', async () => {
    const replies: [Response, RegExp][] = [
      [new Response('', { status: 404 }), /HTTP 404/], [new Response('', { status: 503 }), /HTTP 503/], [new Response('{'), /JSON/], [Response.json({ quote: 'zz', blockSeqno: 1, blockHash: long }), /./],
      [new Response('x'.repeat(400_000)), /300000/], [Response.json({ quote: '00', blockSeqno: -1, blockHash: hex(bytes(9)) }), /number/],
    ];
    for (const [quoteReply, problem] of replies) {
      const view = await load({ quoteReply });
      assert.deepEqual([levelOf(view), saying(view, 'refuted'), saying(view, 'unknown').length], ['unknown', [], 6]);
      assert.match(view.claims.find(({ id }) => id === 'quote-keys')!.reason.params!.problem, problem);
    }
  });

  test('with a platform that the registry takes though Intel asks for more says so', async () => {
    for (const status of ['SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded'] as const) {
      const view = await load({ key: { tcbStatus: TCB_STATUS.indexOf(status) } });
      assert.deepEqual(view.claims.find(({ id }) => id === 'tcb')!.reason, { key: 'verify.tcbTaken', params: { status } });
    }
  });

  test('whose image keeps prompts in a confidential GPU stands too, where key and image both claim it', async () => {
    const { gpuConfidential, cpuOnly } = ImageClaim;
    assert.ok((await load({ key: { claims: gpuConfidential }, image: { claims: gpuConfidential } })).verdict.canSend);
    for (const [key, image] of [[cpuOnly, gpuConfidential], [gpuConfidential, 0], [0, cpuOnly]]) assert.ok(!(await load({ key: { claims: key }, image: { claims: image } })).verdict.canSend);
  });

  test('that offers no model of this page, or no channel, has no offer and is sent nothing', async () => {
    const other = await load({ descriptor: descriptorText({ root: 8 }) });
    assert.deepEqual([other.offer, levelOf(other), other.verdict.missing], [null, 'unknown', ['model-listed']]);
    for (const descriptor of ['{', '[]', '{"networkId":2026}']) {
      const none = await load({ descriptor });
      assert.deepEqual([none.offer, none.verdict.canSend], [null, false], descriptor);
    }
  });

  test('whose answers a server computes says that nothing proves the weights', async () => {
    assert.ok(saying(await load({ descriptor: descriptorText({ backend: 'upstream' }) }), 'unknown').includes('weights weightsUpstream'));
    assert.ok(saying(await load({ key: { claims: 1 | ImageClaim.weightsChecked } }), 'unknown').includes('weights weightsImage'));
  });

  test('of which two APIs say different things is sent nothing, and the reason names who said what', async () => {
    const said = (balance: number): string => `active ${balance} 7 hash ${'c'.repeat(64)} ${'d'.repeat(64)}`;
    const contradiction: Reading<never> = { agreement: 'none', says: [{ name: 'A', said: said(1) }, { name: 'B', said: said(2) }] };
    const table: [Partial<World>, string[]][] = [
      [{ stakeReading: contradiction }, ['stake-active', 'key-listed', 'key-current', 'descriptor', 'never-slashed']], [{ registryReading: contradiction }, ['image-in-force']],
    ];
    for (const [changes, ids] of table) {
      const view = await load(changes);
      assert.deepEqual([levelOf(view), saying(view, 'refuted')], ['unknown', []]);
      for (const id of ids) {
        const { status, reason } = view.claims.find((one) => one.id === id)!;
        assert.deepEqual([status, reason], ['unknown', { key: 'verify.apisContradict', params: { said: 'A: balance 1; B: balance 2' } }], id);
      }
    }
  });

  test('of which one API alone speaks is sent nothing; each claim says whose word it is', async () => {
    const view = await load();
    assert.ok(view.verdict.canSend);
    const alone = await load({ registryReading: { agreement: 'one', value: { networkId: 2026, isSimulated: true, epoch: 0, images: new Map([[IMAGE, { claims: 1, proposedAt: 1, effectiveFrom: 2, revokedAt: 0 }]]), asOf: NOW }, name: 'A', silent: 'B', problem: 'timeout' } as never });
    assert.deepEqual([levelOf(alone), alone.verdict.missing], ['unknown', ['image-in-force']]);
    assert.deepEqual(alone.claims.find(({ id }) => id === 'image-in-force')!.reason, { key: 'verify.oneApi', params: { name: 'A', silent: 'B', problem: 'timeout' } });
  });

  test('that was looked at too long ago is sent nothing', async () => {
    const view = await load({ stake: { asOf: NOW - 700 } as never });
    assert.deepEqual([levelOf(view), view.verdict.missing, view.checkedAt], ['unknown', [], NOW - 700]);
  });
});

test('a relay that gives no list is an error that says so; one that lists a stake twice shows it once', async () => {
  const chain: ChainReader = { stake: async () => ({ agreement: 'both', value: null }), registry: async () => ({ agreement: 'both', value: null }) };
  const reply = (response: () => Response) => loadProviders(CONFIG, chain, NOW, (async () => response()) as unknown as typeof fetch);
  for (const response of [new Response('', { status: 503 }), new Response('{'), Response.json({}), Response.json([])]) await assert.rejects(reply(() => response), { code: 'verify.noProviders' });
  const entry = { stake: `0:${STAKE}`, owner: `0:${OWNER}`, descriptor: '{}', channel: `/v1/channel/${STAKE}` };
  const views = await reply(() => Response.json({ providers: [entry, entry, { ...entry, channel: null }, { ...entry, channel: 'https://evil.example/' }] }));
  assert.deepEqual(await reply(() => Response.json({ providers: [{ ...entry, channel: 'https://evil.example/' }, { ...entry, channel: `/v1/channel/${OWNER}` }] })), []);
  assert.deepEqual(views.map(({ stake, verdict }) => [stake, verdict.level]), [[STAKE, 'refuted']]);
});
