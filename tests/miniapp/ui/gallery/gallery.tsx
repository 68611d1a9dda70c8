/** One scene of the page, by the address: `?scene=chat&language=ru`. For people and for gallery.test.ts. */
import { render } from 'preact';
import { useState } from 'preact/hooks';
import { loadMessages, type Language } from '../../../../miniapp/src/i18n';
import { openTelegram } from '../../../../miniapp/src/telegram';
import { Shell } from '../../../../miniapp/src/ui/shell';
import { FakeApp, message, NOW } from '../fakeApp';
import { SCENES, stateOf } from './scenes';

const asked = new URLSearchParams(location.search);
const scene = SCENES[asked.get('scene') ?? 'providers'];
const app = new FakeApp(stateOf(scene));
Object.assign(window, { gallery: { app, message } });

async function main(): Promise<void> {
  const first = (asked.get('language') ?? 'en') as Language;
  const texts = await loadMessages(first);
  const telegram = openTelegram(window);
  function Page() {
    const [shown, setShown] = useState({ language: first, messages: texts });
    const setLanguage = (language: Language): void => void loadMessages(language).then((messages) => setShown({ language, messages }));
    return <Shell app={app} telegram={telegram} {...shown} setLanguage={setLanguage} now={() => NOW} retry={scene.hasFailed ? () => undefined : null} draft={scene.draft} />;
  }
  render(<Page />, document.body);
  setTimeout(() => {
    history.pushState({ ...scene.place, depth: 1 }, '');
    dispatchEvent(new PopStateEvent('popstate', { state: { ...scene.place, depth: 1 } }));
    // Its code may have to come yet.
    const wanted = scene.place.sheet === undefined ? 'main > *' : 'dialog[open]';
    const timer = setInterval(() => {
      if (document.querySelector(wanted) === null) return;
      clearInterval(timer);
      document.documentElement.dataset.shown = '';
    }, 10);
  }, 100);
}

void main();
