import { GetMethodError } from '@ton/sandbox';
import { lastTransactionId, newestBlock } from './accounts';
import type { Chain } from './chain';
import { cannotParse } from './errors';
import { addressParameter, type Parameters } from './parameters';
import { formatStack, parseStack } from './stack';

export async function runGetMethod(chain: Chain, parameters: Parameters) {
  const address = addressParameter(parameters);
  const name = methodParameter(parameters.method);
  const stack = parseStack(parameters.stack);
  const account = await chain.account(address);
  const common = {
    '@type': 'smc.runResult',
    block_id: newestBlock(chain, parameters),
    last_transaction_id: await lastTransactionId(chain, address),
  };
  if (account.accountState?.type !== 'active') return { ...common, gas_used: 0, stack: [], exit_code: -13 };
  try {
    const result = await account.get(name, stack);
    return {
      ...common,
      gas_used: Number(result.gasUsed),
      stack: formatStack(result.stack),
      exit_code: result.exitCode,
    };
  } catch (error) {
    if (error instanceof GetMethodError) {
      return { ...common, gas_used: Number(error.gasUsed), stack: [], exit_code: error.exitCode };
    }
    throw error;
  }
}

/** A name, or the number that it stands for. */
function methodParameter(method: unknown): string | number {
  if (typeof method === 'number' && Number.isSafeInteger(method)) return method;
  if (typeof method !== 'string' || method === '') throw cannotParse('method');
  return /^\d{1,9}$/.test(method) ? Number(method) : method;
}
