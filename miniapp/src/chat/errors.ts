import type { MessageKey } from '../i18n';
import { PageError } from '../pageError';

export type ChatCode = Extract<MessageKey, `chat.${string}`>;

/** An error of this part: its code is the key of its text. */
export const chatError = (code: ChatCode, params?: Readonly<Record<string, string>>, cause?: unknown): PageError => new PageError(code, { key: code, params }, cause);
