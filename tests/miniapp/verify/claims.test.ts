/** What claims come to: over every required claim that is missing, refuted, unknown or known by the wrong source nothing is green and nothing is sent. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Claim, type ClaimId, type ClaimSource, MESSAGE_CLAIMS, PROVIDER_CLAIMS, type TierName, type VerdictLevel } from '../../../miniapp/src/types';
import { claim, FRESH_SECONDS, type Policy, policyOf, readClaim, requiredClaims, type Subject, verdictOf } from '../../../miniapp/src/verify/claims';

const SOURCES: ClaimSource[] = ['hardware-proven', 'verifier-derived', 'chain-agreed', 'one-api', 'provider-asserted', 'operator-asserted'];
const reason = { key: 'verify.notLooked' } as const;
type Place = 'real' | 'devnet' | 'simulated';
const policy = (subject: Subject, place: Place): Policy => ({ subject, isSimulated: place === 'simulated', isTest: place !== 'real', isFresh: true });
const requiredOf = (tier: TierName, of: Policy): [ClaimId, ClaimSource][] => Object.entries(requiredClaims(tier, of)) as [ClaimId, ClaimSource][];
const whole = (tier: TierName, of: Policy): Claim[] => requiredOf(tier, of).map(([id, source]) => claim(id, 'asserted', source, reason));

const TABLE: [Subject, TierName, Place, VerdictLevel, number][] = [
  ['provider', 'attested', 'real', 'proven', 15], ['provider', 'attested', 'devnet', 'test-hardware', 15], ['provider', 'attested', 'simulated', 'test-hardware', 14],
  ['provider', 'bonded', 'real', 'bonded', 8], ['provider', 'bonded', 'simulated', 'bonded', 8],
  ['message', 'attested', 'real', 'proven', 7], ['message', 'attested', 'simulated', 'test-hardware', 7], ['message', 'bonded', 'real', 'bonded', 7], ['message', 'bonded', 'devnet', 'bonded', 7],
];

describe('a verdict', () => {
  for (const [subject, tier, place, level, count] of TABLE) {
    const of = policy(subject, place);
    const name = `of a ${tier} ${subject}${place === 'real' ? '' : `, ${place}`}`;

    test(`${name} is ${level} where everything required is asserted, by its source`, () => {
      assert.equal(requiredOf(tier, of).length, count);
      assert.deepEqual(verdictOf(whole(tier, of), tier, of), { level, canSend: true, missing: [] });
    });

    test(`${name} lets nothing be sent, and is not green, when one required claim is missing, unknown, refuted, known otherwise or contradicted`, () => {
      for (const [id, source] of requiredOf(tier, of)) {
        const rest = whole(tier, of).filter((one) => one.id !== id);
        const with_ = (...more: Claim[]) => verdictOf([...rest, ...more], tier, of);
        const asserted = claim(id, 'asserted', source, reason);
        assert.deepEqual(with_(), { level: 'unknown', canSend: false, missing: [id] });
        for (const other of SOURCES) {
          assert.deepEqual(with_(claim(id, 'unknown', other, reason)), { level: 'unknown', canSend: false, missing: [id] }, `${id} unknown`);
          assert.deepEqual(with_(claim(id, 'refuted', other, reason)), { level: 'refuted', canSend: false, missing: [id] }, `${id} refuted`);
          if (other !== source) assert.deepEqual(with_(claim(id, 'asserted', other, reason)), { level: 'unknown', canSend: false, missing: [id] }, `${id} by ${other}`);
          // Twice: the worse half counts, in either order.
          for (const status of ['unknown', 'refuted'] as const) {
            for (const two of [[asserted, claim(id, status, other, reason)], [claim(id, status, other, reason), asserted]]) assert.equal(with_(...two).canSend, false);
          }
        }
      }
    });

    test(`${name} is red and stops everything by any refuted claim, required or not; one that is unknown and not required changes nothing`, () => {
      for (const id of [...PROVIDER_CLAIMS, ...MESSAGE_CLAIMS]) {
        const refuted = verdictOf([...whole(tier, of), claim(id, 'refuted', 'one-api', reason)], tier, of);
        assert.deepEqual([refuted.level, refuted.canSend], ['refuted', false], id);
        if (requiredOf(tier, of).some(([required]) => required === id)) continue;
        assert.equal(verdictOf([...whole(tier, of), claim(id, 'unknown', 'one-api', reason)], tier, of).level, level, id);
      }
    });

    test(`${name} says nothing once it is stale`, () => {
      assert.deepEqual(verdictOf(whole(tier, of), tier, { ...of, isFresh: false }), { level: 'unknown', canSend: false, missing: [] });
    });
  }

  test('of nothing is unknown; green comes of nothing but the attested tier', () => {
    for (const tier of ['attested', 'bonded', 'other' as TierName] as const) {
      for (const [subject, , place] of TABLE) {
        assert.equal(verdictOf([], tier, policy(subject, place)).level, 'unknown');
        const all = [...new Map([...whole('attested', policy('provider', 'real')), ...whole('attested', policy('message', 'real'))].map((one) => [one.id, one])).values()];
        assert.equal(verdictOf(all, tier, policy(subject, place)).level === 'proven', tier === 'attested' && place === 'real');
      }
    }
  });
});

describe('the policy of a page', () => {
  test('is one of tests on a devnet, or under any root but Intel\'s: then nothing is ever proven', () => {
    const isTest = (network: 'mainnet' | 'testnet' | 'devnet', quoteRoot: string) => policyOf({ network, quoteRoot: quoteRoot as 'intel' }, 'message').isTest;
    assert.deepEqual([isTest('mainnet', 'intel'), isTest('testnet', 'intel'), isTest('devnet', 'intel'), isTest('mainnet', 'simulated'), isTest('mainnet', 'other')], [false, false, true, true, true]);
  });

  test('holds a provider for fresh only so long, and not at all where nobody says when it was looked at', () => {
    const config = { network: 'mainnet', quoteRoot: 'intel' } as const;
    const fresh = (checkedAt: number) => policyOf(config, 'provider', { now: 10_000, checkedAt }).isFresh;
    assert.deepEqual([fresh(10_000), fresh(10_000 - FRESH_SECONDS), fresh(9_999 - FRESH_SECONDS), fresh(0), fresh(NaN)], [true, true, false, false, false]);
    assert.deepEqual([policyOf(config, 'provider').isFresh, policyOf(config, 'message').isFresh], [false, true]);
  });
});

describe('a claim from two APIs', () => {
  const judge = (isFine: boolean) => () => ({ status: isFine ? 'asserted' as const : 'refuted' as const, reason: { key: 'verify.keyListed' } as const });

  test('counts where both say it; one alone can refute, and its word is labelled', () => {
    assert.deepEqual(readClaim('key-listed', { agreement: 'both', value: 1 }, judge(true)), claim('key-listed', 'asserted', 'chain-agreed', { key: 'verify.keyListed' }));
    const one = { agreement: 'one', value: 1, name: 'A', silent: 'B', problem: 'timeout' } as const;
    assert.deepEqual(readClaim('key-listed', one, judge(true)), claim('key-listed', 'asserted', 'one-api', { key: 'verify.oneApi', params: { name: 'A', silent: 'B', problem: 'timeout' } }));
    assert.deepEqual(readClaim('key-listed', one, judge(false)), claim('key-listed', 'refuted', 'one-api', { key: 'verify.keyListed' }));
  });

  test('is unknown where they contradict each other, and names who said what, where they differ', () => {
    const says = [{ name: 'A', said: `active 5 9 hh ${'c'.repeat(64)} ${'d'.repeat(64)}` }, { name: 'B', said: `active 6 9 hh ${'c'.repeat(64)} ${'e'.repeat(64)}` }];
    const said = readClaim('key-listed', { agreement: 'none', says }, judge(true));
    assert.equal(said.status, 'unknown');
    assert.deepEqual(said.reason, { key: 'verify.apisContradict', params: { said: `A: balance 5, data ${'d'.repeat(16)}; B: balance 6, data ${'e'.repeat(16)}` } });
    const silent = readClaim('key-listed', { agreement: 'none', says: [{ name: 'A', said: 'timeout' }, { name: 'B', said: 'behind: by 300 s' }] }, judge(true));
    assert.deepEqual(silent.reason, { key: 'verify.apisSilent', params: { said: 'A: timeout; B: behind: by 300 s' } });
  });
});
