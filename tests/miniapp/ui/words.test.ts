import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Address } from '@ton/core';
import { format, loadMessages, type Messages } from '../../../miniapp/src/i18n';
import { ui } from '../../../miniapp/src/i18n/en/ui';
import { uiLater } from '../../../miniapp/src/i18n/en/uiLater';
import { ui as russian } from '../../../miniapp/src/i18n/ru/ui';
import { MESSAGE_CLAIMS, PROVIDER_CLAIMS } from '../../../miniapp/src/types';
import { friendlyAddress } from '../../../miniapp/src/ui/address';
import { blockedProvider, blockedSend } from '../../../miniapp/src/ui/blocked';
import { aboutLevelKey, claimKey, levelKey, phaseKey, sourceKey, statusKey } from '../../../miniapp/src/ui/keys';
import { formatDate, relativeTime } from '../../../miniapp/src/ui/time';
import { blank, channel, provider, providers } from './fakeApp';
import type { Text } from '../../../miniapp/src/types';

const english = { ...ui, ...uiLater };

const t = (key: Text['key'], params?: Text['params']): string => format(english as Partial<Messages>, { key, params });

describe('words', () => {
  test('are there for every level, claim, status, source and phase, in both languages', () => {
    const keys = [
      ...(['proven', 'test-hardware', 'bonded', 'unknown', 'refuted'] as const).flatMap((level) => [levelKey(level), aboutLevelKey(level)]),
      ...[...PROVIDER_CLAIMS, ...MESSAGE_CLAIMS].map(claimKey),
      ...(['asserted', 'refuted', 'unknown'] as const).map(statusKey),
      ...(['hardware-proven', 'verifier-derived', 'chain-agreed', 'one-api', 'provider-asserted', 'operator-asserted'] as const).map(sourceKey),
      ...(['opening', 'open', 'ending', 'closing', 'ended'] as const).map(phaseKey),
    ];
    for (const key of keys) for (const texts of [english, russian] as Record<string, string>[]) assert.ok(texts[key], key);
    assert.equal(new Set(keys.map((key) => t(key))).size, keys.length, 'no two of them are the same word');
  });

  test('take the same parameters in both languages', () => {
    const params = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
    for (const key of Object.keys(english) as (keyof typeof english)[]) assert.deepEqual(params(russian[key]), params(english[key]), key);
  });

  test('of a level are never green unless it is proven', async () => {
    for (const language of ['en', 'ru'] as const) {
      const texts = await loadMessages(language);
      const green = texts[levelKey('proven')];
      for (const level of ['test-hardware', 'bonded', 'unknown', 'refuted'] as const) assert.ok(!texts[levelKey(level)].startsWith(green), level);
    }
  });

  test('say when, in the language', () => {
    assert.equal(relativeTime(1000 + 540, 1000, 'en'), 'in 9 minutes');
    assert.equal(relativeTime(1000 - 7200, 1000, 'ru'), '2 часа назад');
    assert.equal(relativeTime(1000 + 86_400 * 30, 1000, 'en'), 'in 30 days');
    assert.match(formatDate(1_795_867_200, 'en'), /Nov 28, 2026/);
  });
});

describe('an account', () => {
  test('is written as wallets write it', () => {
    for (const hash of ['00'.repeat(32), 'ff'.repeat(32), '0123456789abcdef'.repeat(4)]) {
      for (const isTest of [true, false]) assert.equal(friendlyAddress(hash, isTest), Address.parseRaw(`0:${hash}`).toString({ testOnly: isTest, bounceable: true }));
    }
  });
});

describe('nothing is sent', () => {
  const state = { ...blank, channel: channel() };

  test('without a channel, one that is not open, one without its key, or to a provider that is not there', () => {
    assert.equal(blockedSend({ t, state }), null);
    assert.equal(blockedSend({ t, state: { ...state, channel: null } }), english['ui.needsProvider']);
    for (const phase of ['opening', 'ending', 'closing', 'ended'] as const) assert.equal(blockedSend({ t, state: { ...state, channel: channel({ phase }) } }), english['ui.needsChannel']);
    assert.equal(blockedSend({ t, state: { ...state, channel: channel({ hasKey: false }) } }), english['ui.needsKey']);
    assert.notEqual(blockedSend({ t, state: { ...state, providers: null } }), null);
    assert.notEqual(blockedSend({ t, state: { ...state, providers: [] } }), null);
  });

  test('to a provider whose verdict does not allow it, and the claims that are missing are named', () => {
    const of = (level: Parameters<typeof provider>[1]): string | null => blockedProvider({ t }, provider('aa', level));
    for (const level of ['proven', 'test-hardware', 'bonded'] as const) assert.equal(of(level), null);
    assert.match(of('unknown')!, /“Hardware was up to date when attested”/);
    assert.match(of('refuted')!, /“Key is in the stake’s record”/);
    assert.match(blockedProvider({ t }, { ...providers[0], verdict: { level: 'unknown', canSend: false, missing: [] } })!, /again/);
    // A verdict decides, whatever its colour.
    assert.notEqual(blockedProvider({ t }, { ...providers[0], verdict: { level: 'proven', canSend: false, missing: [] } }), null);
    assert.notEqual(blockedProvider({ t }, { ...providers[0], offer: null }), null);
  });
});
