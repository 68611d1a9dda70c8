/** The SIMULATED platform of devnet and demo: what stands in for a TDX guest where there is none. It proves nothing. */
import { simulatedCollateral } from './collateral';
import type { CollateralDocuments } from '../collateral';
import { sha256 } from '../p256';
import { parseQuote } from '../quote';
import { simulatedQuote } from './quote';

const YEAR = 31_536_000;
/** 48 bytes that no firmware measures to: readable ASCII. */
const MRTD = Buffer.from('SIMULATED image of Open Cocoon'.padEnd(48, '.'));

/** @param reportData 64 bytes @param now Unix seconds */
export const simulatedPlatformQuote = (reportData: Uint8Array, now: number): Buffer =>
  simulatedQuote({ issuedAt: now - YEAR, body: { mrTd: MRTD, reportData: Buffer.from(reportData) } });

/** Of the image that the simulated platform runs: SHA-256 of bytes 136 to 520 of its TD report body. */
export function simulatedImageHash(): Buffer {
  const { mrTd, mrConfigId, mrOwner, mrOwnerConfig, rtmr } = parseQuote(simulatedPlatformQuote(Buffer.alloc(64), 1_780_000_000)).body;
  return sha256(Buffer.concat([mrTd, mrConfigId, mrOwner, mrOwnerConfig, ...rtmr]));
}

/** Collateral under which the simulated platform is up to date, for a month. */
export const simulatedPlatformCollateral = (now: number): CollateralDocuments => simulatedCollateral({ issuedAt: now - 60 });
