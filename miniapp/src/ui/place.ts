/** Where in the page somebody is. Each place is an entry of the browser's history, so that its back button works. */
import { useEffect, useState } from 'preact/hooks';

export type Screen = 'start' | 'open' | 'chat' | 'lost' | 'settings';
export type Sheet = { name: 'wallet' } | { name: 'close' } | { name: 'provider'; stake: string } | { name: 'message'; id: string };

export interface Place {
  screen: Screen;
  sheet?: Sheet;
  /** How many places lie behind it. */
  depth: number;
}

export interface Places {
  place: Place;
  go(screen: Screen, sheet?: Sheet): void;
  /** In place of where one is: what lies behind is left as it is. */
  turn(screen: Screen): void;
  back(): void;
}

const isPlace = (value: unknown): value is Place => typeof value === 'object' && value !== null && 'screen' in value && 'depth' in value;

export function usePlaces(first: Screen): Places {
  const [place, setPlace] = useState<Place>({ screen: first, depth: 0 });
  useEffect(() => {
    history.replaceState(place, '');
    const moved = ({ state }: PopStateEvent): void => setPlace(isPlace(state) ? state : { screen: 'start', depth: 0 });
    addEventListener('popstate', moved);
    return () => removeEventListener('popstate', moved);
  }, []);
  const show = (next: Place, isNew: boolean): void => {
    if (isNew) history.pushState(next, '');
    else history.replaceState(next, '');
    setPlace(next);
  };
  return {
    place,
    go: (screen, sheet) => show({ screen, sheet, depth: place.depth + 1 }, true),
    turn: (screen) => show({ screen, depth: place.depth }, false),
    back: () => history.back(),
  };
}
