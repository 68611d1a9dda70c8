import type { Cell } from '@ton/core';
import { Dictionary } from '@ton/core';

/** Live prices of the basechain, from the network's configuration. */
export interface NetworkPrices {
  /** nanoTON per gas, times 2^16. */
  gasPrice: bigint;
  flatGasLimit: bigint;
  flatGasPrice: bigint;
  lumpPrice: bigint;
  /** nanoTON per bit and per cell beyond the root, times 2^16. */
  bitPrice: bigint;
  cellPrice: bigint;
}

/** Reads configuration parameters 21 (gas) and 25 (forwarding) of the basechain; TL-B in block.tlb. */
export function readNetworkPrices(config: Cell): NetworkPrices {
  const parameters = Dictionary.loadDirect(Dictionary.Keys.Int(32), Dictionary.Values.Cell(), config);
  const gas = parameters.get(21)!.beginParse();
  let flatGasLimit = 0n;
  let flatGasPrice = 0n;
  let tag = gas.loadUint(8);
  if (tag === 0xd1) {
    flatGasLimit = gas.loadUintBig(64);
    flatGasPrice = gas.loadUintBig(64);
    tag = gas.loadUint(8);
  }
  const gasPrice = gas.loadUintBig(64);
  const forward = parameters.get(25)!.beginParse();
  forward.skip(8);
  return {
    gasPrice,
    flatGasLimit,
    flatGasPrice,
    lumpPrice: forward.loadUintBig(64),
    bitPrice: forward.loadUintBig(64),
    cellPrice: forward.loadUintBig(64),
  };
}

const ceilShift16 = (value: bigint): bigint => (value + 0xffffn) >> 16n;

/** Fee of `gas`, as GETGASFEE computes it. */
export function gasFee(prices: NetworkPrices, gas: bigint): bigint {
  if (gas <= prices.flatGasLimit) return prices.flatGasPrice;
  return prices.flatGasPrice + ceilShift16((gas - prices.flatGasLimit) * prices.gasPrice);
}

/** Fee of forwarding `cells` and `bits` beyond the root cell, as GETFORWARDFEE computes it. */
export function forwardFee(prices: NetworkPrices, cells: bigint, bits: bigint): bigint {
  return prices.lumpPrice + ceilShift16(cells * prices.cellPrice + bits * prices.bitPrice);
}

/** Fee of `gas` and of `replies` short messages, as `handlingFee` in contracts/lib/value.tact. */
export const handlingFee = (prices: NetworkPrices, gas: bigint, replies: bigint): bigint =>
  gasFee(prices, gas) + replies * forwardFee(prices, 1n, 1023n);

/** Gas that create reserves for the whole job; the constant of `loadCreateFunds` in JobEscrow.tact. */
const CREATE_RESERVED_GAS = 15_000n;

/**
 * Least value, in nanoTON, that JobEscrow's create accepts: the price, three messages of the largest output and the gas
 * of the whole job at live prices. What the job does not use returns to the client.
 */
export function requiredJobValue(job: { price: bigint; outputCells: number }, prices: NetworkPrices): bigint {
  const cells = BigInt(job.outputCells) + 1n;
  return job.price + 3n * forwardFee(prices, cells, cells * 1024n) + gasFee(prices, CREATE_RESERVED_GAS);
}
