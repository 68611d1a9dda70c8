import { sleep } from '../chain/chainClient';
import type { Logger } from '../log';
import type { Defender } from './defender';

/** Rounds of a defender until the signal; an API that is away is waited for. */
export class CaseWatch {
  constructor(private readonly options: { defender: Pick<Defender, 'round'>; pollSeconds: number; log: Logger; signal: AbortSignal }) {}

  async run(): Promise<void> {
    const { defender, pollSeconds, log, signal } = this.options;
    let isAway = false;
    while (!signal.aborted) {
      try {
        await defender.round();
        isAway = false;
      } catch (error) {
        const code = (error as { code?: unknown }).code ?? (error as Error).name;
        if (!isAway && !signal.aborted) log.warn({ code }, 'cases cannot be looked for now');
        isAway = true;
      }
      await sleep(pollSeconds * 1_000, signal);
    }
  }
}
