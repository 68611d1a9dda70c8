import type { ui as english } from '../en/ui';

export const ui: Record<keyof typeof english, string> = {
  'ui.title': 'Ui',
};
