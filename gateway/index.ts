/** Unmodified OpenAI clients on one side, exact inference on the other. */
export type { AnswerEnd, AnswerEvent, AnswerStart, CompletionBackend, ModelCard, TokenPiece, TokenRequest } from './backend';
export { GatewayError } from './errors';
export { LocalBackend } from './localBackend';
export { openGateway, type GatewayOptions, type RunningGateway } from './openai/server';
export { DEFAULT_SETTINGS, type GatewaySettings } from './openai/settings';
