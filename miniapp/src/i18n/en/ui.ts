export const ui = {
  'ui.noConfig': 'This page cannot start: {what} of its /config.json is missing or wrong. Its operator has to repair it.',
  'ui.unexpected': 'Something went wrong ({code}): {message}',
} as const;
