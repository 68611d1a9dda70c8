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
  const load = async (): Promise<void> => {
    setFailed(false);
    try {
      const { createApp } = await import('./app');
      setApp(createApp({ now }));
    } catch {
      setFailed(true);
    }
  };
  const setLanguage = (language: Language, isChosen = true): void => {
    if (isChosen) {
      try {
        localStorage.setItem(KEPT, language);
      } catch {
        // Kept until the page is closed.
      }
    }
    loadMessages(language).then((messages) => setShown({ language, messages }), () => setFailed(true));
  };
  useEffect(() => {
    setLanguage(preferred(), false);
    void load();
  }, []);
  const retry = (): void => {
    setLanguage(preferred(), false);
    void load();
  };
  return <Shell app={app} telegram={telegram} {...shown} setLanguage={setLanguage} now={now} retry={hasFailed ? retry : null} />;
}

render(<Page telegram={openTelegram(window)} />, document.body);
