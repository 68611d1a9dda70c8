import { sleep, type ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import { type Payer, payerOf, type Transfer, type Wallet } from './wallet';

const VALID_SECONDS = 60;

/** Sends one transfer after another: each waits until the wallet has taken the one before. */
export class OrderedWallet {
  private readonly payer: Payer;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly chain: ChainClient,
    wallet: Wallet,
    private readonly pollMillis: number,
  ) {
    this.payer = payerOf(chain, wallet);
  }

  /** Resolves once the wallet took it. @throws ChainStateError `chain.low-balance`, `chain.timeout`; ChainApiError */
  send(transfer: Omit<Transfer, 'validUntil' | 'seqno'>): Promise<void> {
    const sent = this.last.then(() => this.sendNow(transfer));
    this.last = sent.catch(() => undefined);
    return sent;
  }

  private async sendNow(transfer: Omit<Transfer, 'validUntil' | 'seqno'>): Promise<void> {
    const { address } = this.payer;
    const { apiTime } = await this.chain.getAccount(address);
    const validUntil = Math.max(apiTime, Math.floor(Date.now() / 1000)) + VALID_SECONDS;
    const seqno = await this.payer.seqno();
    await this.payer.send({ ...transfer, validUntil, seqno });
    while ((await this.payer.seqno()) <= seqno) {
      if ((await this.chain.getAccount(address)).apiTime > validUntil + VALID_SECONDS) {
        throw new ChainStateError('chain.timeout', 'the wallet did not take the transfer', {
          received: address.toRawString(), hint: 'it is void by now; it is sent again when it is needed again',
        });
      }
      await sleep(this.pollMillis);
    }
  }
}
