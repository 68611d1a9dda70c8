/** Answers computed again, by chance, and what is kept of those that were wrong (docs/gateway.md, Audit). */
export { type AuditRecord, type AuditState, AuditStore } from './auditStore';
export { Auditor, type AuditorOptions } from './auditor';
export { agree, compareAnswer, type ComputedParts, type Difference, partsOf, type SignedAnswerParts } from './compare';
export { type Evidence, EvidenceError, openEvidence, type OpenedEvidence, parseEvidence, type SignedPiece } from './evidence';
export { type AuditEngine, atSecondProvider, computesFast, onEngine, openConfirming, openFirst, type Recomputer } from './recompute';
export { AUDIT_RATE, Sampler, secretDraw } from './sampler';
export { type Finding, verifyEvidence } from './verifyEvidence';
