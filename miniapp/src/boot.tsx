/** The first load: the frame, Telegram and English. All else is imported once this is on the screen. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { loadMessages, LANGUAGES, type Language, type Messages } from './i18n';
import { ui as first } from './i18n/en/ui';
import { openTelegram, type Telegram } from './telegram';
import { waitingApp } from './ui/waiting';
import { Shell } from './ui/shell';
import type { App } from './types';

const now = (): number => Math.floor(Date.now() / 1000);

const KEPT = 'cocoon.language';

/** What was chosen, else what the browser asks for, else English. */
function preferred(): Language {
  let wanted: string | null = null;
  try {
    wanted = localStorage.getItem(KEPT);
  } catch {
    // No storage: the browser's own.
  }
  return LANGUAGES.find((each) => each === (wanted ?? navigator.language.slice(0, 2))) ?? 'en';
}

function Page({ telegram }: { telegram: Telegram }) {
  const [app, setApp] = useState<App>(waitingApp);
  const [hasFailed, setFailed] = useState(false);
  const [shown, setShown] = useState<{ language: Language; messages: Partial<Messages> }>({ language: 'en', messages: first });
  const show = async (language: Language): Promise<void> => setShown({ language, messages: await loadMessages(language) });
  const setLanguage = (language: Language): void => {
    try {
      localStorage.setItem(KEPT, language);
    } catch {
      // Kept until the page is closed.
    }
    show(language).catch(() => undefined);
  };
  const begin = async (): Promise<void> => {
    const { createApp } = await import('./app');
    setApp(createApp({ now }));
  };
  useEffect(() => {
    Promise.all([begin(), show(preferred()).catch(() => show('en'))]).catch(() => setFailed(true));
  }, []);
  // A document does not ask again for a module that it could not load.
  const retry = (): void => location.reload();
  return <Shell app={app} telegram={telegram} {...shown} setLanguage={setLanguage} now={now} retry={hasFailed ? retry : null} />;
}

render(<Page telegram={openTelegram(window)} />, document.body);
