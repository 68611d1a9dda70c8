/** What the page of browserStore.test.ts can be told to do: the parts of the wallet and of channels as they are, with a browser's own disk, locks and keys. */
import { ChannelPurse, ChannelStore, createKey, loadKey, openDatabase, webLocks } from '../../../miniapp/src/channel';
import { connectWallet } from '../../../miniapp/src/wallet';

Object.assign(globalThis, { parts: { ChannelPurse, ChannelStore, createKey, loadKey, openDatabase, webLocks, connectWallet } });
