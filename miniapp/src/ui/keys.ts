/** Keys of texts for values that have a name of their own. */
import type { MessageKey } from '../i18n';
import type { ClaimId, ClaimSource, ClaimStatus, ChannelPhase, VerdictLevel } from '../types';

const keyOf = (prefix: string, name: string): MessageKey =>
  `ui.${prefix}${name.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())}` as MessageKey;

export const levelKey = (level: VerdictLevel): MessageKey => keyOf('level', level);
export const aboutLevelKey = (level: VerdictLevel): MessageKey => keyOf('about', level);
export const claimKey = (id: ClaimId): MessageKey => keyOf('claim', id);
export const statusKey = (status: ClaimStatus): MessageKey => keyOf('status', status);
export const sourceKey = (source: ClaimSource): MessageKey => keyOf('source', source);
export const phaseKey = (phase: ChannelPhase): MessageKey => keyOf('phase', phase);
