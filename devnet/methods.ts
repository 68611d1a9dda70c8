import { type Cell, Dictionary } from '@ton/core';
import type { Blockchain } from '@ton/sandbox';
import {
  detectAddress,
  getAddressBalance,
  getAddressInformation,
  getAddressState,
  getExtendedAddressInformation,
  getWalletInformation,
  newestBlock,
} from './accounts';
import { getBlockTransactions, getMasterchainInfo, lookupBlock, shards } from './blockMethods';
import type { Chain } from './chain';
import { invalid, liteServerError } from './errors';
import { estimateFee, sendBoc } from './fees';
import { runGetMethod } from './getMethods';
import { addressParameter, optionalInteger, type Parameters } from './parameters';
import { getTransactions, locate } from './transactions';

type Method = (chain: Chain, parameters: Parameters) => Promise<unknown> | unknown;

/** The configuration as it was read last: reading takes 50 ms, and it hardly ever changes. */
const read = new WeakMap<Blockchain, { config: string; parameters: Dictionary<number, Cell> }>();

function parametersOf(blockchain: Blockchain): Dictionary<number, Cell> {
  const config = blockchain.configBase64;
  const known = read.get(blockchain);
  if (known?.config === config) return known.parameters;
  const parameters = Dictionary.loadDirect(Dictionary.Keys.Int(32), Dictionary.Values.Cell(), blockchain.config);
  read.set(blockchain, { config, parameters });
  return parameters;
}

function getConfigParam(chain: Chain, parameters: Parameters) {
  const range = { low: 0, high: 2 ** 31 - 1 };
  const id = optionalInteger(parameters, 'config_id', range);
  const param = optionalInteger(parameters, 'param', range);
  if ((id === undefined) === (param === undefined)) {
    throw invalid('only one of config_id or param should be specified');
  }
  newestBlock(chain, parameters);
  const value = parametersOf(chain.blockchain).get((id ?? param)!);
  if (!value) throw liteServerError(`configuration parameter ${id ?? param} not found`);
  return { '@type': 'configInfo', config: { '@type': 'tvm.cell', bytes: value.toBoc().toString('base64') } };
}

/** The methods of toncenter v2 that TonClient, Blueprint and wallets call. */
export const METHODS: Record<string, Method> = {
  getAddressInformation,
  getExtendedAddressInformation,
  getWalletInformation,
  getAddressBalance,
  getAddressState,
  detectAddress,
  packAddress: (_chain, parameters) => addressParameter(parameters).toString(),
  unpackAddress: (_chain, parameters) => addressParameter(parameters).toRawString(),
  getMasterchainInfo,
  lookupBlock,
  shards,
  getShards: shards,
  getBlockTransactions,
  getTransactions,
  tryLocateTx: (chain, parameters) => locate(chain, parameters, 'result'),
  tryLocateResultTx: (chain, parameters) => locate(chain, parameters, 'result'),
  tryLocateSourceTx: (chain, parameters) => locate(chain, parameters, 'source'),
  runGetMethod,
  estimateFee,
  sendBoc: async (chain, parameters) => {
    await sendBoc(chain, parameters);
    return { '@type': 'ok' };
  },
  sendBocReturnHash: async (chain, parameters) => ({
    '@type': 'raw.extMessageInfo',
    ...(await sendBoc(chain, parameters)),
  }),
  getConfigParam,
};
