import { useEffect, useState } from 'preact/hooks';
import { Fact, Group } from '../parts/list';
import { LANGUAGES, type Language } from '../../i18n';
import { useUi } from '../context';

const NAMES: Record<Language, string> = { en: 'English', ru: 'Русский' };

/** The name of the file that began the page has a hash of all that it imports. */
const buildName = (): string =>
  document.querySelector<HTMLScriptElement>('script[type=module]')?.src.split('/').pop()?.replace(/\.js$/, '') ?? '';

export function Settings() {
  const { state: { config }, t, language, setLanguage, address, telegram } = useUi();
  const canKeep = useKeys();
  return (
    <div class="page">
      <Group title={t('ui.language')}>
        <div class="choices" role="radiogroup" aria-label={t('ui.language')}>
          {LANGUAGES.map((each) => (
            <label key={each} lang={each} class="row choice">
              <input type="radio" name="language" checked={each === language} onChange={() => setLanguage(each)} />{NAMES[each]}
            </label>
          ))}
        </div>
      </Group>
      <Group title={t('ui.checks')}>
        <p class="prose">{t('ui.checksYes')}</p>
        <p class="prose">{t('ui.checksTwo')}</p>
        <p class="prose">{t('ui.checksNo')}</p>
      </Group>
      {config && (
        <Group title={t('ui.network')}>
          <dl class="facts">
            <Fact name={t('ui.network')}>{config.network} ({config.networkId})</Fact>
            <Fact name={t('ui.apis')}>{config.apis.map(({ name, url }) => <span key={url}>{name} <code>{host(url)}</code></span>)}</Fact>
            <Fact name={t('ui.relay')}><code>{host(config.relay)}</code></Fact>
            <Fact name={t('ui.registry')}><code>{address(config.registry)}</code></Fact>
          </dl>
        </Group>
      )}
      <Group title={t('ui.environment')}>
        <dl class="facts">
          <Fact name={t('ui.build')}><code>{buildName()}</code></Fact>
          <Fact name={t('ui.envClient')}>{telegram.isInside ? `Telegram ${telegram.platform} ${telegram.version}` : t('ui.envBrowser')}</Fact>
          <Fact name={t('ui.envScreen')}>{innerWidth} × {innerHeight} · {devicePixelRatio}</Fact>
          <Fact name={t('ui.envCrypto')}>{canKeep === null ? '…' : t(canKeep ? 'ui.yes' : 'ui.no')}</Fact>
          <Fact name={t('ui.envStorage')}><code>{storedNames().join(', ') || '–'}</code></Fact>
        </dl>
      </Group>
    </div>
  );
}

const host = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);

/** Names alone of what is stored. */
function storedNames(): string[] {
  try {
    return [...Object.keys(localStorage), ...Object.keys(sessionStorage)];
  } catch {
    return [];
  }
}

/** Whether the browser makes Ed25519 and X25519 keys itself. */
function useKeys(): boolean | null {
  const [can, setCan] = useState<boolean | null>(null);
  useEffect(() => {
    const make = (name: string, usages: KeyUsage[]) => crypto.subtle.generateKey({ name }, false, usages);
    Promise.all([make('Ed25519', ['sign', 'verify']), make('X25519', ['deriveBits'])]).then(() => setCan(true), () => setCan(false));
  }, []);
  return can;
}
