/** Language, amounts and times of the provider's page, for every part of it. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { provider as english } from '../i18n/en/provider';
import type { Language } from '../i18n';
import { friendlyAddress, shortAddress } from '../ui/address';
import { formatTon } from '../ui/money';
import { formatTime, relativeTime } from '../ui/time';

export type WordKey = keyof typeof english;
export type Texts = Readonly<Record<WordKey, string>>;

export interface Words {
  language: Language;
  t(key: WordKey, params?: Record<string, string | number>): string;
  /** Decimal nanoTON with its unit. */
  ton(nano: string | bigint): string;
  /** Without it, for tables whose head has it. */
  amount(nano: string | bigint): string;
  time(at: number): string;
  /** A day of UTC. */
  day(at: number): string;
  ago(at: number): string;
  /** `0:<hex>` as wallets show it, shortened. */
  account(name: string): string;
}

/** The language that this browser was told before, else its own. */
export function preferredLanguage(kept: string | null): Language {
  const wanted = kept ?? navigator.language.slice(0, 2);
  return wanted === 'ru' ? 'ru' : 'en';
}

export const loadTexts = async (language: Language): Promise<Texts> => (language === 'ru' ? (await import('../i18n/ru/provider')).provider : english);

/** @param isTest whether addresses are those of a test network @param now Unix seconds of the worker */
export function wordsOf(texts: Texts, language: Language, isTest: boolean, now: number): Words {
  const t: Words['t'] = (key, params = {}) => texts[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole));
  const amount = (nano: string | bigint): string => formatTon(BigInt(nano), language);
  const day = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' });
  return {
    language, t, amount, ton: (nano) => t('provider.ton', { amount: amount(nano) }), time: (at) => formatTime(at, language), day: (at) => day.format(at * 1_000),
    ago: (at) => relativeTime(at, now, language), account: (name) => shortAddress(friendlyAddress(name.slice(2), isTest)),
  };
}

export const WordsContext = createContext<Words>(wordsOf(english, 'en', true, 0));
export const useWords = (): Words => useContext(WordsContext);
