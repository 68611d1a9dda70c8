import { Auditor, AuditStore, openConfirming, openFirst, Sampler } from '../../gateway/audit';
import type { LoadedModel } from '../../worker/engine';
import { nodeEd25519 } from '../../worker/keys/ed25519';
import type { Logger } from '../../worker/log';
import type { Settings } from '../config/resolve';

export interface Audits {
  settings: Pick<Settings, 'dataFolder' | 'model' | 'backend'>;
  /** An exact model; answers of any other cannot be computed again. */
  loaded: LoadedModel;
  /** Share of the answers, 0..1. */
  rate: number;
  log: Logger;
  /** Whether answers are under way. */
  isBusy: () => boolean;
  /** Hears whose evidence was kept; basechain hash. */
  onDifference?: (stake: Uint8Array) => void;
}

/** The auditor of a gateway, with engines of this machine and its store in the data folder. Close it when nothing more is bought. */
export function openAudits({ settings, loaded, rate, log, isBusy, onDifference }: Audits): { auditor: Auditor; close: () => Promise<void> } {
  const sampler = new Sampler(rate);
  const store = AuditStore.open(settings.dataFolder);
  const auditor = new Auditor({
    store, sampler, modelRoot: loaded.model.modelRoot, log, isBusy, onDifference, ed25519: nodeEd25519,
    first: () => openFirst(loaded, settings.backend), confirm: (first) => openConfirming(settings.model, first),
  });
  return {
    auditor,
    close: async () => {
      await auditor.close();
      store.close();
    },
  };
}
