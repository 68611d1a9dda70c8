/** What the page asks the worker that serves it. */
import type { EarningsPage, PaymentsPage, Period, ProviderReport, VouchersPage } from '../../../worker/provider/wire';

/** Why there is no answer: `token` it wants another token, `refused` it refuses for the reason that it gives, `silent` it did not answer, `elsewhere` no worker served this page. */
export class ApiProblem extends Error {
  constructor(readonly kind: 'token' | 'refused' | 'silent' | 'elsewhere', readonly said: string) {
    super(said);
  }
}

export interface ProviderApi {
  report(): Promise<ProviderReport>;
  earnings(by: Period, from: number, to: number): Promise<EarningsPage>;
  vouchers(after: string | null): Promise<VouchersPage>;
  payments(of: 'channels' | 'jobs', before: string | null): Promise<PaymentsPage>;
}

const TIMEOUT_MILLIS = 10_000;
const VERSION = 1;

/** The worker behind this page's own origin. @param token of the operator, where one was given */
export function openApi(token: string | null): ProviderApi {
  const get = async <T extends { version: number }>(path: string, query: Record<string, string | null> = {}): Promise<T> => {
    const given = Object.entries(query).filter((each): each is [string, string] => each[1] !== null);
    const search = given.length === 0 ? '' : `?${String(new URLSearchParams(given))}`;
    const headers = token === null ? undefined : { authorization: `Bearer ${token}` };
    const response = await fetch(`/v1/provider${path}${search}`, { headers, cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(TIMEOUT_MILLIS) })
      .catch((error: unknown) => Promise.reject(new ApiProblem('silent', String(error))));
    const body = (await response.json().catch(() => null)) as (T & { error?: { message?: string; hint?: string } }) | null;
    if (response.ok && body?.version === VERSION) return body;
    const said = [body?.error?.message, body?.error?.hint].filter((each) => each !== undefined).join('; ');
    throw new ApiProblem(kindOf(response.status, body !== null), said || `HTTP ${response.status}`);
  };
  return {
    report: () => get(''),
    earnings: (by, from, to) => get('/earnings', { by, from: String(from), to: String(to) }),
    vouchers: (after) => get('/vouchers', { after }),
    payments: (of, before) => get('/payments', { of, before }),
  };
}

function kindOf(status: number, isJson: boolean): ApiProblem['kind'] {
  if (status === 401) return 'token';
  if (status >= 500) return 'silent';
  return isJson ? 'refused' : 'elsewhere';
}
