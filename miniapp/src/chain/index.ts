export { keyEnd } from '../../../protocol/stakeRules';
export { accountOf, friendlyAddress, rawAddress, stakeAddress } from './addresses';
export { type ChannelData, channelCodeHash, channelInit, closeChannelBody, openedTerms, parseChannel } from './channelCells';
export { type ImagePolicy, type RegistryState, type StakeState, type WorkerKey } from './contracts';
export { fromBase64, fromHex, toBase64 } from './encoding';
export {
  type ApiHealth, ChainPair, type ChannelState, type Dated, MAX_SKEW_SECONDS, type OpenedChannel, type OpenedChannels, type PairOptions,
} from './pair';
export { INTEL_ROOT } from './pinned';
