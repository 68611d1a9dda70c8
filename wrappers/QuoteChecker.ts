import { type Address, type Cell, type Contract, contractAddress, type ContractProvider } from '@ton/core';
import { loadTupleQuoteFacts, QuoteChecker as GeneratedChecker, type QuoteFacts } from '../build/Suite/Suite_QuoteChecker';

export type { QuoteFacts };

/** Exit codes of the verification of quotes, as in contracts/lib/p256.tact and contracts/attestation. */
export const QUOTE_ERRORS = {
  p256Proof: 801,
  p256Point: 802,
  p256Signature: 803,
  certificate: 811,
  notYetValid: 812,
  noLongerValid: 813,
  issuer: 814,
  extension: 815,
  notATdxQuote: 821,
  quoteLength: 822,
  debug: 823,
  tdAttributes: 824,
  seam: 825,
  keyBinding: 826,
  qeIdentity: 827,
} as const;

/** The P-256 key that ends every chain of certificates. */
export interface RootKey {
  x: bigint;
  y: bigint;
}

/** Public key of Intel SGX Root CA (https://certificates.trustedservices.intel.com). */
export const INTEL_ROOT = {
  x: 0x0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5n,
  y: 0x67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394n,
} as const;

/** The verification of quotes that contracts do, behind get-methods. */
export class QuoteChecker implements Contract {
  private constructor(readonly address: Address, readonly init: { code: Cell; data: Cell }) {}

  /** @param root public key that ends every chain; another one than Intel's makes it a simulation */
  static async fromRoot(root: RootKey = INTEL_ROOT): Promise<QuoteChecker> {
    const { init } = await GeneratedChecker.fromInit(root.x, root.y);
    return new QuoteChecker(contractAddress(0, init!), init!);
  }

  /** @param body of `quoteCell` @param now Unix seconds */
  async getFacts(provider: ContractProvider, body: Cell, now: number): Promise<QuoteFacts> {
    const { stack } = await provider.get('facts', [{ type: 'cell', cell: body }, { type: 'int', value: BigInt(now) }]);
    return loadTupleQuoteFacts(stack);
  }

  async getIsSimulated(provider: ContractProvider): Promise<boolean> {
    return (await provider.get('isSimulated', [])).stack.readBoolean();
  }
}
