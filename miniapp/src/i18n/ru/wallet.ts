import type { wallet as english } from '../en/wallet';

export const wallet: Record<keyof typeof english, string> = {
  'wallet.title': 'Wallet',
};
