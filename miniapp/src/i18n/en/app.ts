export const app = {
  'app.noConfig': 'This page cannot start: {what} of its /config.json is missing or wrong. Its operator has to repair it.',
  'app.unexpected': 'Something went wrong ({code}): {message}',
  'app.notStarted': 'Connect first: until then the page talks to nobody but its own host.',
  'app.needsProvider': 'Choose a provider first.',
  'app.needsChannel': 'Open a channel with a provider first.',
  'app.notVerified': 'Nothing was sent: not everything that has to be true of this provider could be verified. Its badge says what is missing.',
  'app.dearer': 'Nothing was sent: this may cost up to {most} TON by now, and {shown} TON was shown. Send it again if you agree.',
  'app.unknownModel': 'This page knows no model {root}. Its operator lists the models.',
  'app.noReceipt': 'There is no receipt yet: it comes with the first piece of the answer.',
  'app.notReceipt': 'This is not a receipt file of an answer over a channel: {problem}',
} as const;
