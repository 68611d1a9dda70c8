import { PageError } from '../pageError';
import type { wallet } from '../i18n/en/wallet';

/** An error of the wallet or of a channel; its code is the key of its text. */
export const walletError = (code: keyof typeof wallet, params?: Readonly<Record<string, string>>, cause?: unknown): PageError =>
  new PageError(code, { key: code, ...(params !== undefined && { params }) }, cause);
