export const verify = {
  'verify.title': 'Verify',
} as const;
