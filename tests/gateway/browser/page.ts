/** Watches examples/browser from inside: what the page showed, how it ended and what its policy stopped go to its server. */
import type { PageFindings, PageOrder } from './pageOrder';

const violations: string[] = [];
document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => violations.push(`${violatedDirective} ${blockedURI}`));
const shown = (id: string): string => document.getElementById(id)?.textContent ?? '';

async function watch(): Promise<void> {
  const order = (await (await fetch('/order')).json()) as PageOrder;
  while (document.documentElement.dataset.state === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
  if (order.forbidden !== undefined) await fetch(order.forbidden).catch(() => undefined);
  // A violation is told a little after what it stopped.
  await new Promise((resolve) => setTimeout(resolve, 200));
  const findings: PageFindings = { tokens: shown('tokens'), due: shown('due'), fault: shown('fault'), violations };
  await fetch('/findings', { method: 'POST', body: JSON.stringify(findings) });
}

void watch();
