/** Quotes of attested workers, as the workers serve them: for pages to verify, not to believe. */
import { CocoonError } from '../../protocol/errors';
import { MAX_QUOTE_FILE_BYTES } from '../../worker/quoteFile';
import { GatewayError } from '../errors';
import { HttpStatusError, type Outbound } from './outbound';

/** A quote is renewed every few days. */
const KEPT_MILLIS = 60_000;
/** A worker that does not answer is not asked by everybody who asks here. */
const FAILED_MILLIS = 10_000;
/** The oldest is forgotten beyond that: at most 17 MB. */
const MOST_KEPT = 64;
/** Workers that are asked at a time. */
const AT_ONCE = 8;

interface Kept {
  until: number;
  /** null where the worker says that it has none. */
  quote: Promise<Buffer | null>;
}

export class QuoteShelf {
  /** By URL, the newest last. */
  private readonly kept = new Map<string, Kept>();
  private asking = 0;

  /** @param now milliseconds that only rise */
  constructor(private readonly outbound: Pick<Outbound, 'download'>, private readonly now: () => number = () => performance.now()) {}

  /**
   * JSON as it is served; null where the worker says that there is none.
   * @throws GatewayError `gateway.quote-unreachable` where it says nothing of use, `gateway.overloaded`
   */
  take(url: string): Promise<Buffer | null> {
    const known = this.kept.get(url);
    if (known !== undefined && known.until > this.now()) return known.quote;
    if (this.asking >= AT_ONCE) throw new GatewayError('gateway.overloaded', 'too many quotes are being fetched', { retryAfterSeconds: 1 });
    this.kept.delete(url);
    if (this.kept.size >= MOST_KEPT) this.kept.delete(this.kept.keys().next().value!);
    this.asking++;
    const kept: Kept = {
      until: Infinity,
      quote: this.fetch(url, (millis) => {
        this.asking--;
        kept.until = this.now() + millis;
      }),
    };
    this.kept.set(url, kept);
    return kept.quote;
  }

  /** @param ended told how long what came is kept */
  private async fetch(url: string, ended: (millis: number) => void): Promise<Buffer | null> {
    let kept = FAILED_MILLIS;
    try {
      const bytes = Buffer.from(await this.outbound.download(url, MAX_QUOTE_FILE_BYTES));
      JSON.parse(bytes.toString('utf8'));
      kept = KEPT_MILLIS;
      return bytes;
    } catch (cause) {
      if (cause instanceof CocoonError && cause.cause instanceof HttpStatusError && cause.cause.status === 404) return null;
      throw new GatewayError('gateway.quote-unreachable', 'the quote of this worker cannot be read', { received: url.slice(0, 200), hint: 'try again later', cause });
    } finally {
      ended(kept);
    }
  }
}
