/** Views that the first load does without: one file, loaded with the first of them. */
export { Lost } from './screens/lost';
export { Settings } from './screens/settings';
export { MessageSheet, ProviderSheet } from './sheets/claims';
export { CloseSheet } from './sheets/close';
export { WalletSheet } from './sheets/wallet';
