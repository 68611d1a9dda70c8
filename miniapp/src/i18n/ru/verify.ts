import type { verify as english } from '../en/verify';

export const verify: Record<keyof typeof english, string> = {
  'verify.title': 'Verify',
};
