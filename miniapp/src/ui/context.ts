/** What every view can reach. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Language, MessageKey } from '../i18n';
import type { Telegram } from '../telegram';
import type { App, AppState, Text } from '../types';
import type { Places } from './place';

export interface Ui extends Places {
  app: App;
  state: AppState;
  telegram: Telegram;
  language: Language;
  setLanguage(language: Language): void;
  t(key: MessageKey, params?: Text['params']): string;
  text(text: Text): string;
  /** nanoTON without its unit. */
  ton(nano: bigint, round?: 'up' | 'down'): string;
  number(value: number): string;
  /** An account of the network that is shown. */
  address(hash: string): string;
  /** What somebody has typed and not sent: kept wherever they go in the page, in memory only. */
  draft: string;
  setDraft(draft: string): void;
  /** Unix seconds. */
  now(): number;
}

export const UiContext = createContext<Ui>(null as unknown as Ui);
export const useUi = (): Ui => useContext(UiContext);
