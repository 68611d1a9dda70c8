/** The app before it is loaded: nothing is known, nothing can be done. */
import type { App, AppState } from '../types';

export function waitingApp(): App {
  const state: AppState = {
    isStarted: false, config: null, problem: null, providers: null, chosen: null, wallet: { state: 'none', isAsked: false }, channel: null, lost: [], messages: [],
  };
  const notYet = (): never => {
    throw new Error('not loaded');
  };
  return {
    state: () => state, subscribe: () => () => undefined, refresh: async () => undefined, choose: () => undefined, connect: notYet, disconnect: notYet, openChannel: notYet,
    closeChannel: notYet, recover: notYet, estimate: notYet, send: notYet, resume: notYet, stop: () => undefined, receipt: notYet, openReceipt: notYet, recheck: notYet, dismiss: () => undefined,
  };
}
