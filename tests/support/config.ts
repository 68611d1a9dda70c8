import { beginCell, Cell, Dictionary } from '@ton/core';
import type { Blockchain } from '@ton/sandbox';
import { type NetworkPrices, readNetworkPrices } from '../../wrappers';

const known = new Map<string, NetworkPrices>();

/** Live prices of a sandbox; reading a whole configuration takes 0.15 s, so each is read once. */
export function pricesOf(chain: Blockchain): NetworkPrices {
  let prices = known.get(chain.configBase64);
  if (!prices) known.set(chain.configBase64, (prices = readNetworkPrices(chain.config)));
  return prices;
}

/**
 * The configuration with basechain gas, forwarding and, unless rent shall stay as it is, storage prices (21, 25, 18)
 * multiplied. TL-B in block.tlb.
 */
export function multiplyPrices(config: Cell, factor: bigint, withRent = true): Cell {
  const parameters = Dictionary.loadDirect(Dictionary.Keys.Int(32), Dictionary.Values.Cell(), config);
  if (withRent) parameters.set(18, multiplyStorage(parameters.get(18)!, factor));
  parameters.set(21, multiplyGas(parameters.get(21)!, factor));
  parameters.set(25, multiplyForward(parameters.get(25)!, factor));
  return beginCell().storeDictDirect(parameters).endCell();
}

/** The configuration with basechain gas prices alone multiplied. */
export function multiplyGasPrice(config: Cell, factor: bigint): Cell {
  const parameters = Dictionary.loadDirect(Dictionary.Keys.Int(32), Dictionary.Values.Cell(), config);
  parameters.set(21, multiplyGas(parameters.get(21)!, factor));
  return beginCell().storeDictDirect(parameters).endCell();
}

/** The configuration with basechain forwarding prices alone multiplied. */
export function multiplyForwardPrice(config: Cell, factor: bigint): Cell {
  const parameters = Dictionary.loadDirect(Dictionary.Keys.Int(32), Dictionary.Values.Cell(), config);
  parameters.set(25, multiplyForward(parameters.get(25)!, factor));
  return beginCell().storeDictDirect(parameters).endCell();
}

function multiplyStorage(cell: Cell, factor: bigint): Cell {
  const prices = Dictionary.loadDirect(
    Dictionary.Keys.Uint(32),
    {
      serialize: (src: bigint[], builder) => {
        builder.storeUint(0xcc, 8).storeUint(src[0], 32);
        for (const price of src.slice(1)) builder.storeUint(price, 64);
      },
      parse: (slice) => {
        slice.skip(8);
        return [
          slice.loadUintBig(32),
          slice.loadUintBig(64),
          slice.loadUintBig(64),
          slice.loadUintBig(64),
          slice.loadUintBig(64),
        ];
      },
    },
    cell,
  );
  for (const [since, [utime, bit, cellPrice, mcBit, mcCell]] of prices) {
    prices.set(since, [utime, bit * factor, cellPrice * factor, mcBit, mcCell]);
  }
  return beginCell().storeDictDirect(prices).endCell();
}

/** gas_flat_pfx#d1 flat_gas_limit:uint64 flat_gas_price:uint64 other:[gas_prices_ext#de gas_price:uint64 ...] */
function multiplyGas(cell: Cell, factor: bigint): Cell {
  const slice = cell.beginParse();
  const flat = [slice.loadUintBig(8), slice.loadUintBig(64), slice.loadUintBig(64)];
  const tag = slice.loadUintBig(8);
  const price = slice.loadUintBig(64);
  return beginCell()
    .storeUint(flat[0], 8)
    .storeUint(flat[1], 64)
    .storeUint(flat[2] * factor, 64)
    .storeUint(tag, 8)
    .storeUint(price * factor, 64)
    .storeSlice(slice)
    .endCell();
}

/** msg_forward_prices#ea lump_price:uint64 bit_price:uint64 cell_price:uint64 ... */
function multiplyForward(cell: Cell, factor: bigint): Cell {
  const slice = cell.beginParse();
  const builder = beginCell().storeUint(slice.loadUintBig(8), 8);
  for (let index = 0; index < 3; index++) builder.storeUint(slice.loadUintBig(64) * factor, 64);
  return builder.storeSlice(slice).endCell();
}
