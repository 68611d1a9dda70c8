/** The page behind its views. Until the user connects it asks nobody but its own origin, and loads nothing heavy. */
import { PageError, problemOf } from '../pageError';
import type { App, Estimate } from '../types';
import { Board } from './board';
import { loadConfig } from './config';
import type { Session } from './session';

export interface Host {
  /** Unix seconds. */
  now(): number;
}

export function createApp(host: Host): App {
  const board = new Board();
  const app = new PageApp(board, host);
  void app.begin();
  return app;
}

class PageApp implements App {
  private session: Promise<Session> | null = null;
  /** The same, once it is there: for what has to be done within a tap. */
  private ready: Session | null = null;

  constructor(
    private readonly board: Board,
    private readonly host: Host,
  ) {}

  /** The configuration, from the page's own origin. */
  begin(): Promise<void> {
    return this.told(async () => {
      if (this.board.state.config === null) this.board.set({ config: await loadConfig() });
    });
  }

  state = () => this.board.state;
  subscribe = (listener: () => void) => this.board.subscribe(listener);
  dismiss = (): void => this.board.set({ problem: null });
  stop = (): void => this.ready?.stop();

  /** The tap that lets the page talk to relay and chain, and each later look at them. */
  async refresh(): Promise<void> {
    await this.begin();
    if (this.board.state.config === null) return;
    this.board.set({ isStarted: true, problem: null });
    await this.told(async () => (await this.opened()).refresh());
  }

  choose(stake: string): void {
    this.board.set({ chosen: stake });
    void this.told(async () => (await this.opened()).chosen());
  }

  connect(walletId: string): string {
    if (this.ready === null) throw notConnected();
    return this.ready.connect(walletId);
  }

  disconnect = (): Promise<void> => this.told(async () => (await this.opened()).disconnect());
  openChannel = (deposit: bigint): Promise<void> => this.told(async () => (await this.opened()).openChannel(deposit));
  closeChannel = (): Promise<void> => this.told(async () => (await this.opened()).closeChannel());
  recover = (address: string): Promise<void> => this.told(async () => (await this.opened()).recover(address));
  resume = (id: string): Promise<void> => this.told(async () => (await this.opened()).resume(id));
  openReceipt = (text: string): Promise<void> => this.told(async () => (await this.opened()).openReceipt(text));
  recheck = (id: string, shown: { prompt: string; answer: string }): Promise<void> => this.told(async () => (await this.opened()).recheck(id, shown));

  async estimate(prompt: string): Promise<Estimate> {
    return (await this.opened()).estimate(prompt);
  }

  /** Rejected where nothing was asked: the draft is still the user's. */
  async send(prompt: string): Promise<void> {
    try {
      await (await this.opened()).send(prompt);
    } catch (error) {
      this.board.set({ problem: problemOf(error) });
      throw error;
    }
  }

  receipt(messageId: string): string {
    if (this.ready === null) throw notConnected();
    return this.ready.receipt(messageId);
  }

  private opened(): Promise<Session> {
    const { config } = this.board.state;
    if (config === null) return Promise.reject(notConnected());
    this.session ??= import('./session').then(async ({ openSession }) => (this.ready = await openSession(this.board, config, this.host)));
    // What could not be loaded is tried again next time.
    this.session.catch(() => (this.session = null));
    return this.session;
  }

  /** A failure becomes the page's problem. */
  private async told(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.board.set({ problem: problemOf(error) });
    }
  }
}

const notConnected = (): PageError => new PageError('app.notStarted', { key: 'app.notStarted' });
