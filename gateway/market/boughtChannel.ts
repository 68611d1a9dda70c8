import type { Ed25519 } from '../../protocol';
import type { BoughtChannel } from '../channel/order';
import type { MarketChannel, Offer } from './offer';

/** What a back end needs to know of a provider and the channel with it; the budget is read anew each time, since it rises. */
export function boughtChannel(networkId: number, offer: Offer, channel: MarketChannel, ed25519: Ed25519): BoughtChannel {
  const { stake, workerKey, sealingKey, tier, imageHash, url, promptPrice, outputPrice } = offer;
  const { address, client, clientKey, sign } = channel;
  return {
    networkId, channel: address, client, clientKey, sign, ed25519, stake, workerKey, sealingKey, tier, imageHash, url, promptPrice, outputPrice,
    get budget() {
      return channel.budget;
    },
  };
}
