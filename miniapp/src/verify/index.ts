export { claim, FRESH_SECONDS, type Policy, policyOf, requiredClaims, type Subject, verdictOf } from './claims';
export { type MessageContext, messageClaims, type Shown, type Then } from './message';
export { type ChainReader, loadProviders } from './providers';
export { checkQuote, QUOTE_CHECKS, type QuoteCheck } from './quote';
export { type Before, laterClaims, type LaterReading } from './watch';
