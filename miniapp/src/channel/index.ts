export { LEAST_DEPOSIT, mostPayable } from './budget';
export { type Database, openDatabase } from './database';
export { CLAIM_SECONDS, endByVoucher, endByWallet, recoverable, tend } from './ending';
export { canSign, type ChannelKey, createKey, loadKey } from './keys';
export { type ChannelOnChain, type ChannelPair, type LifeParts, refresh } from './life';
export { openChannel, openings, resumeOpening } from './opening';
export { ChannelPurse } from './purse';
export { type ChannelRecord, ChannelStore, type Locks, webLocks } from './store';
export { viewOf } from './views';
