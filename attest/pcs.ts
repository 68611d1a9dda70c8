/**
 * Intel's collateral from its Provisioning Certification Service, version 4 (https://api.portal.trustedservices.intel.com), or from
 * a caching service (PCCS) with the same paths. Nothing is believed here: contracts check every signature.
 */
import { parseCollateral, summaryOf, type CollateralDocuments } from './collateral';
import { refuse } from './errors';

export const INTEL_PCS = 'https://api.trustedservices.intel.com';
/** Named in Intel's certificates as the place of the root's list. */
const INTEL_ROOT_CRL = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der';
const TIMEOUT_MILLIS = 30_000;
const MAX_BYTES = 1 << 20;

export interface PlatformKind {
  /** 12 hexadecimal digits */
  fmspc: string;
  /** which of Intel's two CAs signed the platform's certificate */
  ca: 'platform' | 'processor';
}

/** @throws AttestationError `attest.pcs.<reason>`, `attest.collateral.<reason>` */
export async function fetchCollateral({ fmspc, ca }: PlatformKind, service = INTEL_PCS): Promise<CollateralDocuments> {
  const base = baseOf(service);
  const [tcb, qe, pckCrl, rootCrl] = await Promise.all([
    get(`${base}/tdx/certification/v4/tcb?fmspc=${fmspc}`),
    get(`${base}/tdx/certification/v4/qe/identity`),
    get(`${base}/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`),
    get(base === INTEL_PCS ? INTEL_ROOT_CRL : `${base}/sgx/certification/v4/rootcacrl`),
  ]);
  const info = signedMember(tcb, 'tcbInfo');
  const identity = signedMember(qe, 'enclaveIdentity');
  const documents = parseCollateral({
    tcb_info: info.text, tcb_info_signature: info.signature, tcb_info_issuer_chain: chainOf(tcb, 'TCB-Info-Issuer-Chain'),
    qe_identity: identity.text, qe_identity_signature: identity.signature, root_ca_crl: listOf(rootCrl), pck_crl: listOf(pckCrl),
    pck_crl_issuer_chain: chainOf(pckCrl, 'SGX-PCK-CRL-Issuer-Chain'),
  });
  const of = summaryOf(documents);
  const [asked, given] = [`${fmspc} ${ca}`, `${of.fmspc} ${of.isProcessorCa ? 'processor' : 'platform'}`];
  if (asked !== given) refuse('pcs.answer', 'the service of the collateral spoke of another platform', asked, given);
  return documents;
}

/** @throws AttestationError `attest.pcs.url` */
function baseOf(service: string): string {
  const url = URL.canParse(service) ? new URL(service) : undefined;
  if (url && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === '') return service.replace(/\/+$/, '');
  return refuse('pcs.url', 'this is no address of a service', 'http or https, without credentials', url?.protocol ?? 'no URL');
}

interface Answer {
  url: string;
  body: Buffer;
  headers: Headers;
}

async function get(url: string): Promise<Answer> {
  const hint = 'is the service reachable from here, and does it know this FMSPC? --from FOLDER takes documents from disk';
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MILLIS), redirect: 'error' });
    if (response.status === 200) return { url, headers: response.headers, body: await bodyOf(response) };
    return refuse('pcs.answer', 'the service of the collateral refused', 'status 200', `${response.status} from ${url}`, hint);
  } catch (error) {
    if (error instanceof TypeError || error instanceof DOMException) {
      const { cause } = error as { cause?: { code?: string } };
      return refuse('pcs.unreachable', 'the service of the collateral did not answer', undefined, `${cause?.code ?? error.name} from ${url}`, hint);
    }
    throw error;
  }
}

async function bodyOf(response: Response): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    length += part.value.length;
    if (length <= MAX_BYTES) {
      chunks.push(Buffer.from(part.value));
      continue;
    }
    void reader?.cancel();
    refuse('pcs.answer', 'the service of the collateral said too much', `at most ${MAX_BYTES} bytes`, response.url);
  }
  return Buffer.concat(chunks);
}

/** The text of a member as it was signed, byte for byte, and its signature. */
function signedMember({ url, body }: Answer, member: string): { text: string; signature: string } {
  const found = new RegExp(`^\\s*\\{"${member}":(\\{.*\\}),"signature":"([0-9a-fA-F]{128})"\\}\\s*$`, 's').exec(body.toString('utf8'));
  if (!found) refuse('pcs.answer', 'the service of the collateral gave another document', `{"${member}":{...},"signature":"..."}`, `${body.toString('utf8').slice(0, 60)} from ${url}`);
  const [, text, signature] = found;
  return { text, signature };
}

function chainOf({ url, headers }: Answer, name: string): string {
  const value = headers.get(name);
  if (value === null) refuse('pcs.answer', 'the service of the collateral left out a chain', `the header ${name}`, url);
  try {
    return decodeURIComponent(value.replace(/\+/g, ' '));
  } catch {
    return refuse('pcs.answer', 'the service of the collateral gave another chain', `PEM, percent-encoded, in ${name}`, url);
  }
}

/** Hexadecimal digits of a list's DER, which a caching service may give as such digits. */
const listOf = ({ body }: Answer): string => (body[0] === 0x30 && body[1] > 0x7f ? body.toString('hex') : body.toString('latin1').trim());
