import { CocoonError } from '../protocol/errors';

/** A quote, certificate or signature that cannot be used; codes are `attest.<part>.<reason>`. */
export class AttestationError extends CocoonError {}

/** @throws AttestationError `attest.<code>` */
export function refuse(code: string, message: string, expected?: string, received?: string, hint?: string): never {
  throw new AttestationError(`attest.${code}`, message, { expected, received, hint });
}
