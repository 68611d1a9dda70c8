import { SendMode } from '@ton/core';
import { requireBalance, type Payer } from '../../cli/client/wallet';
import { ConfigurationError } from '../../cli/errors';
import { ChainApiError, ChainStateError } from '../../worker/errors';
import type { Deployment } from './deployment';

/**
 * The wallet that Blueprint was started with: mnemonic, TON Connect. It signs with the number it reads itself; one that
 * rose since we decided means that something else was sent in between, and then we send nothing.
 * @throws ConfigurationError `config.wallet`
 */
export function payerOf({ blueprint, chain, settings }: Pick<Deployment, 'blueprint' | 'chain' | 'settings'>): Payer {
  const sender = blueprint.sender();
  const { address } = sender;
  if (address === undefined || address.workChain !== 0) {
    throw new ConfigurationError('config.wallet', 'there is no wallet that could pay', {
      expected: '--mnemonic with WALLET_MNEMONIC and WALLET_VERSION, or --tonconnect; a wallet of the basechain',
      received: address?.toRawString() ?? 'no address',
    });
  }
  const seqno = async (): Promise<number> => {
    if ((await chain.getAccount(address)).state !== 'active') return 0;
    return chain.query(async (ton) => (await ton.runMethod(address, 'seqno')).stack.readNumber());
  };
  return {
    address,
    seqno,
    async send({ to, value, body, init, seqno: decidedAt }) {
      await requireBalance(chain, address, value);
      if (decidedAt !== undefined && (await seqno()) !== decidedAt) {
        throw new ChainStateError('chain.in-flight', 'the wallet sent something else meanwhile', {
          received: address.toRawString(),
          hint: 'run the script again: it looks at the chain before it sends anything',
        });
      }
      try {
        await sender.send({ to, value, body, init, sendMode: SendMode.PAY_GAS_SEPARATELY });
      } catch (cause) {
        throw new ChainApiError('network.send', 'the message could not be sent', {
          received: `${settings.api}: ${cause instanceof Error ? cause.message : String(cause)}`.slice(0, 200),
          hint: 'run the script again: it looks at the chain before it sends anything',
          cause,
        });
      }
    },
  };
}
