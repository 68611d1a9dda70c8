export { connectWallet, type ConnectOptions } from './connect';
export { walletError } from './errors';
export type { PageWallet, WalletAccount, WalletMessage } from './pageWallet';
