/** Intel's collateral onto the chain, and how long what is there still holds. */
import { crlDates, jsonOf, summaryOf, type CollateralDocuments } from '../../attest/collateral';
import { collateralCells } from '../../attest/collateralCells';
import {
  Collateral, COLLATERAL_ERRORS, COLLATERAL_POSTS, type CollateralPart, type CollateralState, type Edition,
  forwardFee, gasFee, QUOTE_ERRORS,
} from '../../wrappers';
import { ChainClient } from '../../worker/chain/chainClient';
import { ChainStateError } from '../../worker/errors';
import { attestationRoot, registryOf } from '../client/registry';
import { loadWallet, payerOf } from '../client/wallet';
import type { Context } from '../context';
import { sendAndWait } from '../provider/send';

export interface CollateralReport {
  account: string;
  fmspc: string;
  ca: 'platform' | 'processor';
  posted: string[];
  refused: string[];
  /** Unix seconds until which all of it holds; null when a part is missing */
  validUntil: number | null;
}

/** Five years of rent of a new account, with room; what is not used returns. */
const RENT_NANO = 1_300_000_000n;
const GAS_POST = 500_000n;

/** Collateral and where it comes from. */
export interface Source {
  name: string;
  documents: CollateralDocuments;
}

/** Posts what is newer than on chain, or with `isCheck` only looks. */
export async function refreshCollateral(context: Context, sources: Source[], isCheck: boolean): Promise<CollateralReport[]> {
  const { settings, output, passphrase } = context;
  const chain = new ChainClient({ endpoint: settings.api, apiKey: settings.apiKey });
  await chain.checkNetwork(settings.networkId);
  const registry = await registryOf(settings);
  const root = await attestationRoot(chain, registry);
  const prices = await chain.networkPrices();
  const reports: CollateralReport[] = [];
  for (const { name, documents } of sources) {
    const { fmspc, isProcessorCa } = summaryOf(documents);
    const account = await Collateral.fromScope({ registry, root, fmspc: BigInt(`0x${fmspc}`), isProcessorCa });
    const stateOf = async (): Promise<CollateralState | null> =>
      (await chain.getAccount(account.address)).state === 'active' ? chain.query((ton) => ton.open(account).getStatus()) : null;
    const report: CollateralReport = {
      account: account.address.toRawString(), fmspc, ca: isProcessorCa ? 'processor' : 'platform', posted: [], refused: [], validUntil: null,
    };
    const before = await stateOf();
    const { apiTime } = await chain.getAccount(registry);
    if (!isCheck) {
      const cells = collateralCells(documents, root);
      const wallet = payerOf(chain, loadWallet(settings.dataFolder, settings.networkId, passphrase()));
      for (const part of newerParts(documents, before, apiTime)) {
        const value = gasFee(prices, GAS_POST) + forwardFee(prices, 1n, 1023n) + (before === null && report.posted.length === 0 ? RENT_NANO : 10_000_000n);
        output.progress(`${name}: posts ${part}`);
        try {
          await sendAndWait({ chain, wallet, pollMillis: settings.network === 'devnet' ? 100 : 2_000 }, {
            to: account.address, init: account.init, value, what: part, body: (queryId) => COLLATERAL_POSTS[part](cells, queryId),
            receiver: { name: 'collateral', errors: { ...QUOTE_ERRORS, ...COLLATERAL_ERRORS }, hint: 'newer collateral from Intel may help' },
          });
          report.posted.push(part);
        } catch (error) {
          if (!(error instanceof ChainStateError)) throw error;
          report.refused.push(`${part}: ${error.message}`);
        }
      }
    }
    const after = await stateOf();
    const ends = [after?.tcbInfo, after?.qeIdentity, after?.rootCrl, after?.pckCrl].map((part) => part?.validUntil);
    if (ends.every((end) => end !== undefined)) report.validUntil = Math.min(...(ends as number[]));
    reports.push(report);
  }
  return reports;
}

/** What the account would take, as contracts/attestation/editions.tact and its lists decide. */
function newerParts({ tcbInfo, qeIdentity, rootCrl, pckCrl }: CollateralDocuments, state: CollateralState | null, now: number): CollateralPart[] {
  const parts: CollateralPart[] = [];
  const isTaken = (text: string, current: Edition | null | undefined, next: Edition | null | undefined): boolean => {
    const { tcbEvaluationDataNumber: number, issueDate } = jsonOf(text) as { tcbEvaluationDataNumber: number; issueDate: string };
    const issuedAt = Date.parse(issueDate) / 1000;
    if (!current) return true;
    if (number === current.number) return issuedAt > current.issuedAt;
    if (next) return number === next.number && issuedAt > next.issuedAt;
    return number > current.number || now < current.effectiveFrom;
  };
  if (isTaken(tcbInfo.text, state?.tcbInfo, state?.nextTcbInfo)) parts.push('tcbInfo');
  if (isTaken(qeIdentity.text, state?.qeIdentity, state?.nextQeIdentity)) parts.push('qeIdentity');
  if (!state?.rootCrl || crlDates(rootCrl).thisUpdate > state.rootCrl.thisUpdate) parts.push('rootCrl');
  if (!state?.pckCrl || crlDates(pckCrl).thisUpdate > state.pckCrl.thisUpdate) parts.push('pckCrl');
  return parts;
}
