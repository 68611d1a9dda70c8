/** A service that gives collateral as Intel's does, on this machine. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CollateralDocuments } from '../../attest/collateral';
import { bytesOf } from '../../attest/p256';

/** Members in which dcap-qvl keeps collateral. */
export type CollateralFile = Record<string, string>;

export function documentOf({ tcbInfo, qeIdentity, tcbSigner, intermediate, rootCrl, pckCrl }: CollateralDocuments): CollateralFile {
  const pem = (der: Buffer) => `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
  const hex = ({ r, s }: { r: bigint; s: bigint }) => Buffer.concat([bytesOf(r), bytesOf(s)]).toString('hex');
  return {
    tcb_info: tcbInfo.text, tcb_info_signature: hex(tcbInfo.signature), tcb_info_issuer_chain: pem(tcbSigner), qe_identity: qeIdentity.text,
    qe_identity_signature: hex(qeIdentity.signature), root_ca_crl: rootCrl.toString('hex'), pck_crl: pckCrl.toString('hex'), pck_crl_issuer_chain: pem(intermediate),
  };
}

export interface ServedPcs {
  url: string;
  /** paths with their queries, in the order in which they were asked for */
  asked: string[];
  close(): void;
}

const fmspcOf = (file: CollateralFile): string => (JSON.parse(file.tcb_info) as { fmspc: string }).fmspc.toLowerCase();

/** @param fmspc under which it is found @param isHex revocation lists as a caching service gives them by default @param change answers before they go out */
export async function servePcs(
  file: CollateralFile, { isHex = false, fmspc = fmspcOf(file), change = (_path: string, answer: PcsAnswer) => answer } = {},
): Promise<ServedPcs> {
  const asked: string[] = [];
  const list = (hex: string) => (isHex ? hex : Buffer.from(hex, 'hex'));
  const answers: Record<string, PcsAnswer> = {
    [`/tdx/certification/v4/tcb?fmspc=${fmspc}`]: {
      body: `{"tcbInfo":${file.tcb_info},"signature":"${file.tcb_info_signature}"}`, chain: ['TCB-Info-Issuer-Chain', file.tcb_info_issuer_chain],
    },
    '/tdx/certification/v4/qe/identity': {
      body: `{"enclaveIdentity":${file.qe_identity},"signature":"${file.qe_identity_signature}"}`, chain: ['SGX-Enclave-Identity-Issuer-Chain', file.tcb_info_issuer_chain],
    },
    '/sgx/certification/v4/pckcrl?ca=platform&encoding=der': { body: list(file.pck_crl), chain: ['SGX-PCK-CRL-Issuer-Chain', file.pck_crl_issuer_chain] },
    '/sgx/certification/v4/rootcacrl': { body: list(file.root_ca_crl) },
  };
  const server: Server = createServer(({ url = '' }, response) => {
    asked.push(url);
    if (!(url in answers)) return void response.writeHead(404).end();
    const { status = 200, body, chain } = change(url, answers[url]);
    response.writeHead(status, chain && { [chain[0]]: encodeURIComponent(chain[1]) }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close: () => void server.close().closeAllConnections() };
}

export interface PcsAnswer {
  status?: number;
  body: string | Buffer;
  chain?: [name: string, pem: string];
}
