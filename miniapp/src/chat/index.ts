export { Conversation, type ConversationOptions, estimateFor, type Listening } from './ask';
export { type Socket, type SocketMaker, type Times, TIMES } from './connection';
export { loadTokenizer, type ModelPartFile } from './tokenizer';
