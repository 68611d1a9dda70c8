import type { provider as english } from '../en/provider';

export const provider: Record<keyof typeof english, string> = {
  'provider.title': 'Provider',
};
