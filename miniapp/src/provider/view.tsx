/** The provider's page: what the worker that serves it says, asked for again while it is looked at. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { ProviderReport } from '../../../worker/provider/wire';
import { provider as english } from '../i18n/en/provider';
import type { Language } from '../i18n';
import { Icon } from '../ui/parts/icons';
import { Notice } from '../ui/parts/notice';
import { ApiProblem, openApi, type ProviderApi } from './api';
import { Earnings } from './earnings';
import { Payments, Vouchers } from './lists';
import { Disputes, Stake } from './stake';
import { TokenForm } from './tokenForm';
import { Load, Uptime } from './uptime';
import { warningsOf } from './warnings';
import { loadTexts, preferredLanguage, type Texts, useWords, WordsContext, wordsOf } from './words';

const REFRESH_MILLIS = 10_000;
const MAINNET = -239;
const KEPT = { language: 'cocoon.language', token: 'cocoon.operatorToken' } as const;

/** A value that storage keeps where there is one. */
function kept(storage: () => Storage, name: string): { read(): string | null; write(value: string): void } {
  const attempt = <T,>(work: () => T): T | null => {
    try {
      return work();
    } catch {
      return null;
    }
  };
  return { read: () => attempt(() => storage().getItem(name)), write: (value) => void attempt(() => storage().setItem(name, value)) };
}
const keptLanguage = kept(() => localStorage, KEPT.language);
const keptToken = kept(() => sessionStorage, KEPT.token);

export function Page() {
  const [texts, setTexts] = useState<{ language: Language; texts: Texts }>({ language: 'en', texts: english });
  const [token, setToken] = useState(keptToken.read);
  const [report, setReport] = useState<ProviderReport | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [looks, setLooks] = useState(0);
  const api = useMemo(() => openApi(token), [token]);

  const show = (language: Language): void => void loadTexts(language).then((loaded) => {
    setTexts({ language, texts: loaded });
    document.documentElement.lang = language;
    document.title = `Open Cocoon: ${loaded['provider.title']}`;
  }, () => undefined);
  useEffect(() => show(preferredLanguage(keptLanguage.read())), []);
  useEffect(() => {
    let isCurrent = true;
    const look = (): void => void api.report().then(
      (got) => isCurrent && (setReport(got), setProblem(null), setLooks((count) => count + 1)),
      (error: unknown) => isCurrent && setProblem(error instanceof ApiProblem ? error : new ApiProblem('silent', String(error))),
    );
    look();
    const timer = setInterval(() => document.hidden || look(), REFRESH_MILLIS);
    return () => {
      isCurrent = false;
      clearInterval(timer);
    };
  }, [api]);

  const { language } = texts;
  const words = useMemo(() => wordsOf(texts.texts, language, report?.worker.networkId !== MAINNET, report?.now ?? 0), [texts, report]);
  const toggle = (): void => {
    const other = language === 'en' ? 'ru' : 'en';
    keptLanguage.write(other);
    show(other);
  };
  const enter = (given: string): void => {
    keptToken.write(given);
    setProblem(null);
    setToken(given);
  };
  return (
    <WordsContext.Provider value={words}>
      <Head report={problem === null ? report : null} toggle={toggle} />
      <main>
        <div class="page">
          {problem?.kind === 'token'
            ? <TokenForm wasWrong={token !== null} enter={enter} />
            : <><Trouble problem={problem} report={report} />{report !== null && <Report api={api} report={report} looks={looks} />}</>}
        </div>
      </main>
    </WordsContext.Provider>
  );
}

function Head({ report, toggle }: { report: ProviderReport | null; toggle: () => void }) {
  const { t, language } = useWords();
  const worker = report?.worker;
  return (
    <header class="head">
      <div class="head-title">
        <h1>{t('provider.title')}</h1>
        {worker && worker.networkId !== MAINNET && <p class="simulated">{t('provider.test', { id: worker.networkId })}</p>}
      </div>
      {worker && <span class={`badge ${worker.ready ? 'proven' : 'refuted'}`}><Icon name={worker.ready ? 'tick' : 'cross'} />{t(worker.ready ? 'provider.ready' : 'provider.notReady')}</span>}
      <button type="button" class="button small quiet" lang={language === 'en' ? 'ru' : 'en'} onClick={toggle}>{t('provider.language')}</button>
    </header>
  );
}

/** Why there is nothing, or nothing new. */
function Trouble({ problem, report }: { problem: ApiProblem | null; report: ProviderReport | null }) {
  const { t, time } = useWords();
  if (problem === null) return report === null ? <Notice kind="waiting" title={t('provider.loading')} /> : null;
  const [title, hint] = problem.kind === 'refused' ? [t('provider.refused'), problem.said]
    : problem.kind === 'elsewhere' ? [t('provider.elsewhere'), t('provider.elsewhereHint')] : [t('provider.silent'), t('provider.silentHint')];
  return (
    <Notice kind="problem" title={title}>
      <p>{hint}</p>
      {report !== null && <p>{t('provider.old', { time: time(report.now) })}</p>}
    </Notice>
  );
}

function Report({ api, report, looks }: { api: ProviderApi; report: ProviderReport; looks: number }) {
  const warnings = warningsOf(report, useWords());
  return (
    <>
      {warnings.length > 0 && (
        <ul class="warnings">
          {warnings.map(({ isBad, text }) => <li key={text} class={`warning ${isBad ? 'is-bad' : ''}`}><Icon name="warning" /><span>{text}</span></li>)}
        </ul>
      )}
      <Earnings api={api} report={report} />
      {report.vouchers !== null && <Vouchers api={api} vouchers={report.vouchers} refresh={looks} />}
      <Stake report={report} />
      <Disputes disputes={report.disputes} />
      <Uptime uptime={report.uptime} />
      <Load report={report} />
      <Payments api={api} hasChannels={report.vouchers !== null} refresh={looks} />
    </>
  );
}
