/** The providers of a registry, each with what this page itself found out about it. The relay's list only says where to look. */
import { toHex } from '../../../protocol/bytes';
import { Tier } from '../../../protocol/constants';
import { sha256 } from '../../../protocol/sha256';
import { type ChainPair, type Dated, keyEnd, type RegistryState, stakeAddress, type StakeState, type WorkerKey } from '../chain';
import type { MessageKey } from '../i18n';
import { tonText } from '../tonText';
import { type Claim, type ClaimId, type ClaimStatus, type Offer, type PageConfig, PROVIDER_CLAIMS, type ProviderView, type Reading, type Text } from '../types';
import { claim, policyOf, readClaim, requiredClaims, verdictOf } from './claims';
import { QUOTE_CLAIMS, quoteClaims } from './quoteClaims';
import { type Descriptor, descriptorOf, type Listed, listedProviders, servedQuote, type ServedQuote } from './served';
import { dateText } from './texts';
import { imageFault } from './watch';

export type ChainReader = Pick<ChainPair, 'stake' | 'registry'>;

interface Place {
  config: PageConfig;
  /** Unix seconds. */
  now: number;
  registry: Reading<Dated<RegistryState> | null>;
}

/** A key that ends sooner takes no new question, seconds. */
const KEY_MARGIN_SECONDS = 300;
const MOST_CLOSE_DELAY_SECONDS = 30 * 86_400;
/** By the number in a key record. The registry takes no other than these. */
const TCB_TAKEN: Readonly<Record<number, string>> = { 2: 'SWHardeningNeeded', 3: 'ConfigurationNeeded', 4: 'ConfigurationAndSWHardeningNeeded' };
/** Bits of an image's claims: the prompt stays in the CPU's memory, or goes to no other than a confidential GPU that the image verified. */
const KEEPS_INSIDE = 1 | 2;
const WEIGHTS_CHECKED = 8;
const ATTESTED_CLAIMS: readonly ClaimId[] = ['image-in-force', ...QUOTE_CLAIMS, 'tcb', 'hardware'];

/**
 * Reads the relay's list, then asks the chain about each that has a channel, and its worker for the quote about its key.
 * @param now Unix seconds
 * @param only the provider with this stake
 * @throws PageError `verify.noProviders` when the relay gives no list
 */
export async function loadProviders(config: PageConfig, chain: ChainReader, now: number, fetcher: typeof fetch = fetch, only?: string): Promise<ProviderView[]> {
  const listed = new Map((await listedProviders(config.relay, fetcher)).map((entry) => [entry.stake, entry]));
  const place = { config, now, registry: await chain.registry(config.registry) };
  return Promise.all([...listed.values()].filter(({ stake }) => only === undefined || stake === only).map((entry) => providerView(place, entry, chain, fetcher)));
}

async function providerView(place: Place, entry: Listed, chain: ChainReader, fetcher: typeof fetch): Promise<ProviderView> {
  const { config, now, registry } = place;
  const { owner } = entry;
  const stake = stakeAddress({ networkId: config.networkId, registry: config.registry, owner });
  if (stake !== entry.stake) return stranger(entry, config);
  const reading = await chain.stake(stake);
  const state = reading.agreement === 'none' ? null : reading.value;
  const descriptor = descriptorOf(entry.descriptor);
  const key = state?.keys.find(({ workerKey }) => workerKey === descriptor?.workerKey);
  const isBonded = key?.tier === Tier.bonded;
  const model = descriptor?.models.find(({ root }) => config.models.some((known) => known.root === root));
  const claims = [
    claim('stake-address', 'asserted', 'verifier-derived', { key: 'verify.stakeComputed' }),
    ...stakeClaims(place, entry, reading, descriptor, key), channelClaim(descriptor),
    claim('model-listed', model ? 'asserted' : 'unknown', 'provider-asserted', { key: model ? 'verify.modelListed' : 'verify.modelUnknown' }),
    ...(key?.tier === Tier.attested ? await attestedClaims(place, owner, reading, key, await servedQuote(config.relay, stake, fetcher))
      : ATTESTED_CLAIMS.map((id) => unknown(id, isBonded ? 'verify.notOfTier' : 'verify.notLooked'))),
    weightsClaim(isBonded, model?.isUpstream !== false, key),
  ];
  const asOf = <T>(of: Reading<Dated<T> | null>): number => (of.agreement === 'none' ? 0 : of.value?.asOf ?? 0);
  const checkedAt = Math.min(now, asOf(reading), isBonded ? now : asOf(registry));
  const tier = isBonded ? 'bonded' : 'attested';
  const offer: Offer | null = descriptor && model && key && (isBonded || key.tier === Tier.attested) ? {
    stake, owner, tier, workerKey: key.workerKey, sealingKey: key.sealingKey, imageHash: key.imageHash, modelRoot: model.root, promptPrice: descriptor.promptPrice,
    outputPrice: descriptor.outputPrice, maxTokens: model.maxTokens, contextTokens: model.contextTokens, payout: descriptor.payout, claimKey: descriptor.claimKey,
    closeDelay: descriptor.closeDelay, channelPath: entry.channelPath,
  } : null;
  return {
    stake, offer, stakeActive: state?.active ?? 0n, slashed: state?.slashed ?? 0n, faults: state?.faults ?? 0, keyEnd: key ? keyEnd(key) : 0, checkedAt, claims,
    verdict: verdictOf(claims, tier, policyOf(config, 'provider', { now, checkedAt })),
  };
}

/** A stake that does not follow from its owner is nobody's: no more is asked. */
function stranger({ stake }: Listed, config: PageConfig): ProviderView {
  const claims = PROVIDER_CLAIMS.map((id) => (id === 'stake-address' ? claim(id, 'refuted', 'verifier-derived', { key: 'verify.stakeOther' }) : unknown(id, 'verify.notLooked')));
  return { stake, offer: null, stakeActive: 0n, slashed: 0n, faults: 0, keyEnd: 0, checkedAt: 0, claims, verdict: verdictOf(claims, 'attested', policyOf(config, 'provider')) };
}

interface Judged { status: ClaimStatus; reason: Text }
const fine = (key: MessageKey, params?: Text['params']): Judged => ({ status: 'asserted', reason: { key, params } });
const wrong = (key: MessageKey, params?: Text['params']): Judged => ({ status: 'refuted', reason: { key, params } });
/** By the source that it would have to be known by. */
const unknown = (id: ClaimId, key: MessageKey): Claim =>
  claim(id, 'unknown', requiredClaims('attested', { subject: 'provider', isSimulated: false })[id] ?? 'provider-asserted', { key });

/** What the stake's own state says. */
function stakeClaims({ config, now }: Place, entry: Listed, reading: Reading<Dated<StakeState> | null>, descriptor: Descriptor | null, key: WorkerKey | undefined): Claim[] {
  const of = (id: ClaimId, judge: (state: StakeState) => Judged): Claim =>
    readClaim(id, reading, (state) => (state === null ? wrong('verify.noStake') : judge(state)));
  const ofKey = (id: ClaimId, judge: (record: WorkerKey) => Judged): Claim => of(id, () => (key === undefined ? wrong('verify.keyNotListed') : judge(key)));
  return [
    of('stake-active', ({ active, minimum }) => (active >= minimum && active > 0n ? fine : wrong)(active >= minimum ? 'verify.stakeActive' : 'verify.stakeLow', {
      ton: tonText(active), minimum: tonText(minimum),
    })),
    ofKey('key-listed', ({ tier }) => (tier === Tier.bonded || tier === Tier.attested ? fine('verify.keyListed') : wrong('verify.keyOtherTier'))),
    ofKey('key-current', (record) => {
      const end = keyEnd(record);
      return end > now + KEY_MARGIN_SECONDS ? fine('verify.keyCurrent', { until: dateText(end) }) : wrong('verify.keyOver', { until: dateText(end) });
    }),
    of('descriptor', ({ descriptorHash }) => {
      if (toHex(sha256(new TextEncoder().encode(entry.descriptor))) !== descriptorHash) return wrong('verify.descriptorOther');
      if (descriptor === null) return wrong('verify.descriptorUnreadable');
      const isOwn = descriptor.networkId === config.networkId && descriptor.stake === entry.stake && descriptor.sealingKey === key?.sealingKey;
      return isOwn ? fine('verify.descriptorSame') : wrong('verify.descriptorElse');
    }),
    of('never-slashed', ({ slashed, faults }) => (slashed === 0n && faults === 0 ? fine('verify.neverSlashed') : wrong('verify.slashed', { ton: tonText(slashed), faults: String(faults) }))),
  ];
}

/** A channel's address follows from code that the page brings and from these terms: nobody else has to be asked for it. */
function channelClaim(descriptor: Descriptor | null): Claim {
  const id = 'channel-code';
  if (descriptor === null) return unknown(id, 'verify.descriptorUnreadable');
  const { closeDelay } = descriptor;
  const isFine = closeDelay >= 1 && closeDelay <= MOST_CLOSE_DELAY_SECONDS;
  return claim(id, isFine ? 'asserted' : 'refuted', 'verifier-derived', { key: isFine ? 'verify.channelComputed' : 'verify.channelDelay' });
}

async function attestedClaims({ config, now, registry }: Place, owner: string, stake: Reading<unknown>, key: WorkerKey, served: ServedQuote | string): Promise<Claim[]> {
  const quote = await quoteClaims(served, key, owner, { config, now });
  const image = readClaim('image-in-force', registry, (state) => {
    if (state === null) return wrong('verify.noRegistry');
    const policy = state.images.get(key.imageHash);
    const fault = imageFault(policy);
    if (fault !== null) return { status: 'refuted', reason: fault };
    return policy!.claims & key.claims & KEEPS_INSIDE ? fine('verify.imageInForce') : wrong('verify.imageLeaks');
  });
  const tcb = readClaim('tcb', stake, () => {
    if (key.tcbStatus === 1) return fine('verify.tcbUpToDate');
    const status = TCB_TAKEN[key.tcbStatus];
    return status === undefined ? wrong('verify.tcbBad') : fine('verify.tcbTaken', { status });
  });
  return [image, ...quote, tcb, hardwareClaim(config, registry, quote.every(({ status }) => status === 'asserted'))];
}

/** Hardware is proven by a quote that stands under Intel's root, and a registry that takes no other. */
function hardwareClaim({ quoteRoot }: PageConfig, registry: Place['registry'], quoteStands: boolean): Claim {
  if (quoteRoot !== 'intel') return unknown('hardware', 'verify.hardwareSimulated');
  const read = readClaim('hardware', registry, (state) => {
    if (state === null) return wrong('verify.noRegistry');
    return state.isSimulated ? wrong('verify.registrySimulated') : fine('verify.hardwareReal');
  });
  if (read.status !== 'asserted' || read.source !== 'chain-agreed') return read;
  return quoteStands ? { ...read, source: 'hardware-proven' } : unknown('hardware', 'verify.hardwareUnproven');
}

/** Which weights compute the answers, no quote says. */
function weightsClaim(isBonded: boolean, isUpstream: boolean, key: WorkerKey | undefined): Claim {
  if (isBonded && !isUpstream) return claim('weights', 'asserted', 'provider-asserted', { key: 'verify.weightsBonded' });
  const isChecked = key !== undefined && (key.claims & WEIGHTS_CHECKED) !== 0;
  if (isChecked) return claim('weights', 'unknown', 'provider-asserted', { key: 'verify.weightsImage' });
  return claim('weights', 'unknown', 'provider-asserted', { key: isUpstream ? 'verify.weightsUpstream' : 'verify.weightsExact' });
}
