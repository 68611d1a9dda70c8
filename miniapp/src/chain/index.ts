export { accountOf, friendlyAddress, rawAddress, stakeAddress } from './addresses';
export { type ChannelData, channelCodeHash, channelInit, closeChannelBody, openedTerms, parseChannel } from './channelCells';
export { fromBase64, fromHex, toBase64 } from './encoding';
export { INTEL_ROOT } from './pinned';
