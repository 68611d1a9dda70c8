import type { AppState } from '../types';

/** The state of the page, and who wants to know when it changes. */
export class Board {
  private current: AppState = {
    isStarted: false, config: null, problem: null, providers: null, chosen: null, wallet: { state: 'none', isAsked: false }, channel: null, lost: [], messages: [],
  };
  private readonly listeners = new Set<() => void>();

  get state(): AppState {
    return this.current;
  }

  set(change: Partial<AppState>): void {
    this.current = { ...this.current, ...change };
    for (const listener of this.listeners) listener();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
