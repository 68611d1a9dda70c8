export { connectWallet, type ConnectOptions } from './connect';
export { tonText, walletError } from './errors';
export type { PageWallet, WalletAccount, WalletMessage } from './pageWallet';
