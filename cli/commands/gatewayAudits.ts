import { Command } from 'commander';
import { type AuditRecord, AuditStore, type Finding, verifyEvidence } from '../../gateway/audit';
import { CocoonError } from '../../protocol';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import { contextOf, withSettings } from '../context';
import { UsageError } from '../errors';

/** One piece of evidence in the data folder, checked while it is listed. */
interface ListedEvidence {
  file: string;
  stake: string;
  reference: string;
  /** Unix seconds. */
  foundAt?: number;
  finding?: Finding;
  /** Code of the error where it does not hold. */
  refused?: string;
}

/** `cocoon gateway audits`: what the gateway's audits found, beside a gateway that runs or without one. */
export function auditsCommand(): Command {
  return withSettings(new Command('audits'))
    .description('what was found by computing answers again: counts by provider, evidence, or the state of one answer')
    .argument('[reference]', 'x-cocoon-reference of an answer')
    .action(async (reference: string | undefined, _: unknown, command: Command) => {
      // The command above has the same options, and takes them from wherever they stand.
      const { output, settings } = contextOf(command.optsWithGlobals());
      if (reference !== undefined) requireReference(reference);
      const store = AuditStore.look(settings.dataFolder);
      try {
        if (reference !== undefined) {
          const audited = store?.state(reference) ?? 'not drawn';
          return output.result({ reference, audited }, audited);
        }
        const providers = [...(store?.records() ?? [])].map(([stake, record]) => ({ stake, ...record }));
        const evidence = store === null ? [] : await Promise.all(store.evidence.list().map((listed) => checked(store, listed)));
        output.result({ providers, evidence }, [...providers.map(providerLine), ...evidence.map(evidenceLine)].join('\n') || 'nothing was drawn yet');
      } finally {
        store?.close();
      }
    });
}

function requireReference(reference: string): void {
  if (/^[0-9a-f]{64}-\d+$/.test(reference)) return;
  throw new UsageError('usage.reference', 'this is not the reference of an answer', {
    expected: 'channel and number, as in the header x-cocoon-reference', received: reference.slice(0, 100),
  });
}

async function checked(store: AuditStore, listed: Pick<ListedEvidence, 'file' | 'stake' | 'reference'>): Promise<ListedEvidence> {
  try {
    const evidence = store.evidence.read(listed.file);
    const finding = await verifyEvidence(evidence, { ed25519: nodeEd25519 });
    return { ...listed, foundAt: evidence.foundAt, finding };
  } catch (error) {
    if (error instanceof CocoonError) return { ...listed, refused: error.code };
    throw error;
  }
}

const providerLine = ({ stake, drawn, clean, different, undecided, failed, dropped, faults, evidence }: AuditRecord & { stake: string }): string =>
  `stake 0:${stake}  drawn ${drawn}, clean ${clean}, different ${different}, undecided ${undecided}, failed ${failed}, dropped ${dropped}, ` +
  `signed faults ${faults}${evidence > 0 ? `  NOT USED: ${evidence} pieces of evidence` : ''}`;

const evidenceLine = ({ file, finding, refused }: ListedEvidence): string =>
  `evidence ${file}: ${finding === undefined ? `does not hold (${refused})` : finding.fault}`;
