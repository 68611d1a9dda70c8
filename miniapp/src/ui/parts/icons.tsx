/** Signs of 24 by 24 in the colour of the text around them. They say nothing that a word beside them does not say. */

const PATHS = {
  shield: 'M12 2.5 4.5 5.3v5.9c0 4.7 3.1 8.6 7.5 10.3 4.4-1.7 7.5-5.6 7.5-10.3V5.3zM8.4 12l2.6 2.6 4.8-5',
  flask: 'M9.5 3h5M10.5 3v6.2L5.2 18a2 2 0 0 0 1.7 3h10.2a2 2 0 0 0 1.7-3l-5.3-8.8V3M7.8 15h8.4',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6',
  question: 'M12 2.8a9.2 9.2 0 1 0 0 18.4 9.2 9.2 0 0 0 0-18.4M9.3 9.4a2.7 2.7 0 1 1 3.9 2.5c-.8.4-1.2.9-1.2 1.7M12 17h.01',
  cross: 'M12 2.8a9.2 9.2 0 1 0 0 18.4 9.2 9.2 0 0 0 0-18.4M8.8 8.8l6.4 6.4M15.2 8.8l-6.4 6.4',
  tick: 'M12 2.8a9.2 9.2 0 1 0 0 18.4 9.2 9.2 0 0 0 0-18.4M8 12.2l2.7 2.7 5.3-5.6',
  back: 'M14.5 5 7.5 12l7 7',
  next: 'M9.5 5l7 7-7 7',
  close: 'M6 6l12 12M18 6 6 18',
  gear: 'M12 8.8a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 0 0 0-6.4M12 2.8v2.6M12 18.6v2.6M2.8 12h2.6M18.6 12h2.6M5.5 5.5l1.8 1.8M16.7 16.7l1.8 1.8M18.5 5.5l-1.8 1.8M7.3 16.7l-1.8 1.8',
  send: 'M12 20V4.5M5.5 11 12 4.5l6.5 6.5',
  stop: 'M7.5 7.5h9v9h-9z',
  file: 'M6 3h8l4.5 4.5V21H6zM13.5 3v5h5M9 13h6M9 16.5h4',
  seal: 'M6.5 10.5h11v10h-11zM8.5 10.5V7.3a3.5 3.5 0 0 1 7 0v3.2M12 14.5v2.5',
  wallet: 'M4 7.5V18a2 2 0 0 0 2 2h13V9H5.5A1.5 1.5 0 0 1 4 7.5 2.5 2.5 0 0 1 6.5 5H17v4M15.5 14.5h.01',
  warning: 'M12 3.5 2.5 20.5h19zM12 10v5M12 17.8h.01',
} as const;

export type IconName = keyof typeof PATHS;

export const Icon = ({ name }: { name: IconName }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d={PATHS[name]} /></svg>
);
