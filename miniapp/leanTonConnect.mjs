// Without a list of wallets with their logos' hosts (the page has its own), WalletConnect, wallets in the page's own window, what tells
// analytics.ton.org or the console, and a banner for its makers' tests.
import { classOf, functionOf, leaveOut } from './leaveOut.mjs';

const LEFT_OUT = {
  FALLBACK_WALLETS_LIST: { pattern: /^const FALLBACK_WALLETS_LIST = \[\n[\s\S]*?\n\];$/m, instead: 'const FALLBACK_WALLETS_LIST = [];' },
  WalletConnectProvider: { pattern: classOf('WalletConnectProvider'), instead: "class WalletConnectProvider { static async fromStorage() { throw new Error('this page has no WalletConnect'); } }" },
  // Wallets are reached over their bridge alone: what a page finds in its own window could be anybody's.
  InjectedProvider: {
    pattern: classOf('InjectedProvider'),
    instead: [
      'class InjectedProvider {',
      "  static async fromStorage() { throw new Error('this page has no injected wallets'); }",
      '  static isWalletInjected() { return false; }', '  static isInsideWalletBrowser() { return false; }', '  static getCurrentlyInjectedWallets() { return []; }', '}',
    ].join('\n'),
  },
  AnalyticsManager: { pattern: classOf('AnalyticsManager'), instead: "class AnalyticsManager { constructor() { throw new Error('this page has no analytics'); } }" },
  // It only tells listeners in the page's window, of which there are none.
  TonConnectTracker: { pattern: classOf('TonConnectTracker'), instead: 'class TonConnectTracker { constructor() { return new Proxy({}, { get: () => () => undefined }); } }' },
  // Requests and wallets' answers belong in no console.
  logDebug: { pattern: functionOf('logDebug'), instead: 'function logDebug() {}' },
  logError: { pattern: functionOf('logError'), instead: 'function logError() {}' },
  logWarning: { pattern: functionOf('logWarning'), instead: 'function logWarning() {}' },
  showQaModeBanner: { pattern: functionOf('showQaModeBanner'), instead: 'function showQaModeBanner() {}' },
  startBannerObserver: { pattern: functionOf('startBannerObserver'), instead: 'function startBannerObserver() {}' },
};

export const leanTonConnect = () => leaveOut('@tonconnect/sdk', /@tonconnect\/sdk\/lib\/esm\/index\.mjs$/, LEFT_OUT);
