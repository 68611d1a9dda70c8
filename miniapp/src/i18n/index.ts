/** Texts of the page. What the first screen says in English comes with the first load, all else right after it. */
import type { Text } from '../types';
import type { english } from './en';

export type MessageKey = keyof typeof english;
export type Messages = Readonly<Record<MessageKey, string>>;
export type Language = 'en' | 'ru';
export const LANGUAGES: readonly Language[] = ['en', 'ru'];

export const loadMessages = async (language: Language): Promise<Messages> => (language === 'ru' ? (await import('./ru')).russian : (await import('./en')).english);

/** A text with its parameters in place of `{name}`; empty until it is loaded. */
export function format(messages: Partial<Messages>, { key, params = {} }: Text): string {
  return (messages[key] ?? '').replace(/\{(\w+)\}/g, (whole, name: string) => params[name] ?? whole);
}
