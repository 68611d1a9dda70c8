/** Texts of the page. English comes with the first load, other languages when they are wanted. */
import type { Text } from '../types';
import { english } from './en';

export type MessageKey = keyof typeof english;
export type Messages = Readonly<Record<MessageKey, string>>;
export type Language = 'en' | 'ru';
export const LANGUAGES: readonly Language[] = ['en', 'ru'];

export const loadMessages = async (language: Language): Promise<Messages> => (language === 'ru' ? (await import('./ru')).russian : english);

/** A text with its parameters in place of `{name}`. */
export function format(messages: Messages, { key, params = {} }: Text): string {
  return messages[key].replace(/\{(\w+)\}/g, (whole, name: string) => params[name] ?? whole);
}
