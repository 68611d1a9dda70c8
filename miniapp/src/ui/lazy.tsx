/** A view whose code is loaded when it is first wanted. */
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { NotLoaded } from './parts/notice';

export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | null = null;
  return function Lazy(props: Props) {
    const [, render] = useState(0);
    const [hasFailed, setFailed] = useState(false);
    const start = (): void => {
      setFailed(false);
      load().then((view) => {
        loaded = view;
        render(1);
      }, () => setFailed(true));
    };
    useEffect(() => {
      if (loaded === null) start();
    }, []);
    const View = loaded;
    if (View !== null) return <View {...props} />;
    return hasFailed ? <NotLoaded retry={start} /> : null;
  };
}
