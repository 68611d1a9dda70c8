/** What Intel's collateral says of a platform, each fact checked alone. */
import type { X509Certificate, X509Crl } from '@peculiar/x509';
import type { ZodType } from 'zod';
import { jsonOf, type CollateralDocuments, type SignedText } from '../collateral';
import { bytesOf, type P256Key } from '../p256';
import { certificateOf, COLLATERAL_SIGNER, faultOf, isSigned, keyIn, keyOf, listFaultOf, listOf, PCK_ISSUERS, type Under } from './certificates';
import type { Facts } from './quote';
import { type Check, faultless, holds, refuted, unknown } from './result';
import { convergedStatus, enclaveStatus, moduleStatus, platformStatus, qeIdentitySchema, type QeIdentity, type Status, tcbInfoSchema, type TcbInfo } from './tcb';

/** @param accepted TCB statuses that are taken */
export async function checkCollateral(
  documents: CollateralDocuments, facts: Facts | null, { root, now, accepted, leastEvaluation }: { root: P256Key; now: number; accepted: readonly Status[]; leastEvaluation?: number },
): Promise<Check[]> {
  const [signer, ca] = [certificateOf(documents.tcbSigner), certificateOf(documents.intermediate)];
  const [rootList, pckList] = [listOf(documents.rootCrl), listOf(documents.pckCrl)];
  const [rootKey, signerKey, caKey] = await Promise.all([keyOf(root), keyIn(signer), keyIn(ca)]);
  const nameFault = (of: X509Certificate | null, names: string[]) => (of !== null && names.includes(of.subject) ? null : `its issuer is ${of?.subject}`);
  const signerFault = (await faultOf(signer, { by: rootKey, now, isCa: false })) ?? nameFault(signer, [COLLATERAL_SIGNER]);
  const caFault = (await faultOf(ca, { by: rootKey, now, isCa: true })) ?? nameFault(ca, PCK_ISSUERS);
  const info = await readText(documents.tcbInfo, tcbInfoSchema, { by: signerKey, now });
  const identity = await readText(documents.qeIdentity, qeIdentitySchema, { by: signerKey, now });
  const rootFault = await listFaultOf(rootList, { by: rootKey, now, issuer: ca?.issuer });
  const pckFault = caFault ?? (await listFaultOf(pckList, { by: caKey, now, issuer: ca?.subject }));
  const until = (end: Date | number | undefined): string => `in force until ${end && new Date(end).toISOString()}`;
  const checks = [
    faultless('tcb-info', signerFault ?? info.fault, until(info.content && 1000 * info.content.nextUpdate)),
    faultless('qe-identity', signerFault ?? identity.fault, until(identity.content && 1000 * identity.content.nextUpdate)),
    faultless('root-crl', rootFault, until(rootList?.nextUpdate)), faultless('pck-crl', pckFault, until(pckList?.nextUpdate)),
  ];
  if (facts === null) {
    const why = 'the quote\'s certificates do not say what its platform is';
    return [...checks, ...(['revocation', 'platform', 'tcb-status', 'evaluation'] as const).map((name) => unknown(name, why))];
  }
  const [tcb, enclave] = signerFault === null ? [info.content, identity.content] : [];
  const revoked = rootFault ?? pckFault ?? signerFault;
  return [
    ...checks,
    revoked === null ? revocation(facts, [signer!, ca!], rootList!, pckList!) : unknown('revocation', 'lists or signer do not stand'),
    tcb && ca ? platform(facts, tcb, ca) : unknown('platform', 'the TCB info does not stand'),
    tcb && enclave ? status(facts, tcb, enclave, accepted) : unknown('tcb-status', 'TCB info or QE identity do not stand'),
    evaluation(tcb && enclave && [tcb, enclave], leastEvaluation),
  ];
}

/** What the text says when it is signed, of its form and in time; else why not. */
async function readText<T extends { issueDate: number; nextUpdate: number }>(
  { text, signature }: SignedText, schema: ZodType<T>, { by, now }: Under,
): Promise<{ content: T; fault: null } | { content?: undefined; fault: string }> {
  const raw = Buffer.concat([bytesOf(signature.r), bytesOf(signature.s)]);
  if (!(await isSigned(Buffer.from(text), raw, by))) return { fault: 'it is not signed by its signer' };
  const { data, error } = schema.safeParse(jsonOf(text));
  if (error) return { fault: `${error.issues[0].path.join('.')}: ${error.issues[0].message}` };
  if (now < data.issueDate) return { fault: 'it is from the future' };
  if (now >= data.nextUpdate) return { fault: `it is past its next update, ${new Date(1000 * data.nextUpdate).toISOString()}` };
  return { content: data, fault: null };
}

function revocation({ pck, ca }: Facts, [signer, collateralCa]: [X509Certificate, X509Certificate], rootList: X509Crl, pckList: X509Crl): Check {
  const revoked: [string, X509Certificate, X509Crl][] = [['platform', pck, pckList], ['CA', ca, rootList], ['CA of the collateral', collateralCa, rootList], ['signer of the collateral', signer, rootList]];
  const found = revoked.find(([, certificate, list]) => list.findRevoked(certificate.serialNumber) !== null);
  return holds('revocation', found === undefined, 'no certificate is revoked', `the certificate of the ${found?.[0]} is revoked`);
}

function platform({ ca, platform: { fmspc, pceId } }: Facts, info: TcbInfo, collateralCa: X509Certificate): Check {
  const about = [info.fmspc.toString('hex'), info.pceId.toString('hex')];
  if (about[0] !== fmspc || about[1] !== pceId) return refuted('platform', `the TCB info is about FMSPC ${about[0]}, PCE ${about[1]}`);
  const [own, theirs] = [ca, collateralCa].map((of) => Buffer.from(of.publicKey.rawData));
  return holds('platform', own.equals(theirs), `FMSPC ${fmspc}, PCE ${pceId}`, 'the revocation list is of another CA than the platform\'s');
}

function status({ platform: certified, module, enclave }: Facts, info: TcbInfo, identity: QeIdentity, accepted: readonly Status[]): Check {
  const parts = { platform: platformStatus(info, certified, module), 'TDX module': moduleStatus(info, module), 'quoting enclave': enclaveStatus(identity, enclave) };
  const missing = Object.entries(parts).find(([, found]) => found === undefined);
  if (missing) return refuted('tcb-status', `the ${missing[0]} is below every level that Intel lists, or unknown to it`);
  const whole = convergedStatus(parts.platform!, parts['TDX module']!, parts['quoting enclave']!);
  return holds('tcb-status', accepted.includes(whole), whole, `${whole}; taken: ${accepted.join(', ')}`);
}

function evaluation(texts: [TcbInfo, QeIdentity] | undefined, least: number | undefined): Check {
  if (texts === undefined) return unknown('evaluation', 'TCB info or QE identity do not stand');
  const numbers = texts.map(({ tcbEvaluationDataNumber }) => tcbEvaluationDataNumber);
  const said = `TCB info ${numbers[0]}, QE identity ${numbers[1]}`;
  if (least === undefined) return unknown('evaluation', `${said}; the least number that counts was not given`);
  return holds('evaluation', Math.min(...numbers) >= least, said, `${said}; at least ${least} counts`);
}
