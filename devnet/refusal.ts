import type { Message } from '@ton/core';
import { EmulationError, SmartContract } from '@ton/sandbox';
import { liteServerError, type ApiError } from './errors';

/** How much of the end of a virtual machine's log a lite server shows. */
const LOG_CHARACTERS = 256;

/**
 * Why an account does not take an external message, in a lite server's words. The message runs once more on a copy of
 * the account to get the log, which shows what threw.
 */
export async function externalRefusal(account: SmartContract, message: Message): Promise<ApiError> {
  const prefix = 'cannot apply external message to current state : ';
  if (!exists(account)) return liteServerError(`${prefix}Failed to unpack account state`);
  const copy = copyOf(account);
  copy.setVerbosity({ print: false, blockchainLogs: false, vmLogs: 'vm_logs', debugLogs: false });
  const error: unknown = await copy.receiveMessage(message).catch((cause: unknown) => cause);
  const { exitCode, vmLogs = '' } = error instanceof EmulationError ? error : {};
  const hex = account.address.hash.toString('hex').toUpperCase();
  const why =
    exitCode === undefined
      ? `inbound external message rejected by account ${hex} before smart-contract execution`
      : `inbound external message rejected by transaction ${hex}:\n` +
        `exitcode=${exitCode}, steps=${vmLogs.match(/^execute /gm)?.length ?? 0}, gas_used=0` +
        (vmLogs === '' ? '' : `\nVM Log (truncated):\n...${vmLogs.slice(-LOG_CHARACTERS)}`);
  return liteServerError(`${prefix}External message was not accepted: cannot run message on account: ${why}`);
}

/** False for one that never was, which the sandbox has as an empty one, and for one that is gone. */
function exists({ accountState, lastTransactionLt }: SmartContract): boolean {
  return accountState !== undefined && accountState !== null && lastTransactionLt > 0n;
}

/** An account that can be tried things with. */
export function copyOf(account: SmartContract): SmartContract {
  const copy = SmartContract.empty(account.blockchain, account.address);
  copy.account = account.account;
  return copy;
}
