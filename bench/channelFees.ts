import { internal, toNano, type Transaction } from '@ton/core';
import { sumFees } from '../tests/support/fees';
import { ChannelWorld, DAY, DEPOSIT } from '../tests/support/channelWorld';
import { type FeeRow, row } from './feeRow';
import { WalletV5R1 } from './walletV5R1';

/** A channel whose two sides have V5R1 wallets: the claim is paid into one, the deposit and a top-up come from the other. */
async function withWallets(): Promise<{ open: Transaction[]; topUp: Transaction[]; settle: Transaction[] }> {
  const base = await ChannelWorld.create();
  const client = await WalletV5R1.create(base.blockchain, base.stranger, 4);
  const payout = await WalletV5R1.create(base.blockchain, base.stranger, 5);
  const world = await ChannelWorld.create({ client: client.address, payout: payout.address }, base.blockchain);
  const deposit = (init?: typeof world.channel.init) => client.send([internal({ to: world.address, value: DEPOSIT, bounce: true, init })]);
  const open = await deposit(world.channel.init);
  const topUp = await deposit();
  return { open, topUp, settle: (await world.claim(toNano('0.3'))).transactions };
}

/** What PaymentChannel costs, with treasury wallets unless the row says otherwise; a settlement is paid into a V5R1 wallet. */
export async function measureChannelFees(): Promise<FeeRow[]> {
  const wallets = await withWallets();
  const together = await ChannelWorld.create();
  const open = await together.topUp(DEPOSIT);
  const topUp = await together.topUp(DEPOSIT);
  const treasury = await together.claim(toNano('0.3'));
  const close = await together.claim(toNano('0.4'), { final: true });
  const alone = await ChannelWorld.opened();
  const start = await alone.close();
  alone.now += DAY;
  const finish = await alone.close();
  const ended = await ChannelWorld.opened();
  const replaced = await ended.replaceClaimKey(ended.clientKey.publicKey);
  const byProvider = await ended.close(ended.payout);
  const rows: [string, Transaction[]][] = [
    ['channel-open', open.transactions],
    ['channel-open-v5r1', wallets.open],
    ['channel-top-up', topUp.transactions],
    ['channel-top-up-v5r1', wallets.topUp],
    ['channel-settle', wallets.settle],
    ['channel-settle-treasury', treasury.transactions],
    ['channel-close', close.transactions],
    ['channel-close-by-provider', byProvider.transactions],
    ['channel-close-start', start.transactions],
    ['channel-close-finish', finish.transactions],
    ['channel-replace-claim-key', replaced.transactions],
  ];
  return rows.map(([operation, transactions]) => row(operation, sumFees(transactions)));
}
