export const ui = {
  'ui.title': 'Ui',
} as const;
