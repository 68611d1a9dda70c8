/** Telegram's colours as the page's own: checked, and moved until what is written in them can be read. */

type Rgb = readonly [number, number, number];

/** Contrast of small text, WCAG 2 AA. */
const READABLE = 4.5;

const rgb = (hex: string): Rgb => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;
const hex = (colour: Rgb): string => `#${colour.map((value) => Math.round(value).toString(16).padStart(2, '0')).join('')}`;
const mix = (a: Rgb, b: Rgb, share: number): Rgb => a.map((value, i) => value + (b[i] - value) * share) as unknown as Rgb;

function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((value) => (value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** 1 to 21. */
export function contrast(a: string, b: string): number {
  const [x, y] = [luminance(rgb(a)), luminance(rgb(b))];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** `colour`, or the nearest to it on the way to black or white that can be read on each of `grounds`. */
export function readable(colour: string, ...grounds: readonly string[]): string {
  const worst = (candidate: string): number => Math.min(...grounds.map((ground) => contrast(candidate, ground)));
  const end = worst('#000000') > worst('#ffffff') ? '#000000' : '#ffffff';
  for (let step = 0; step < 20; step++) {
    const candidate = hex(mix(rgb(colour), rgb(end), step / 20));
    if (worst(candidate) >= READABLE) return candidate;
  }
  return end;
}

export const isDark = (colour: string): boolean => luminance(rgb(colour)) < 0.18;

/** The page's custom properties for a set of theme parameters; empty without a background and a text colour that are `#rrggbb`. */
export function tokensOf(params: unknown): Readonly<Record<string, string>> {
  const given = (name: string): string | undefined => {
    const value = (params as Record<string, unknown> | null)?.[name];
    return typeof value === 'string' && /^#[0-9a-f]{6}$/i.test(value) ? value.toLowerCase() : undefined;
  };
  const surface = given('section_bg_color') ?? given('bg_color');
  const ink = given('text_color');
  if (surface === undefined || ink === undefined) return {};
  const ground = given('secondary_bg_color') ?? surface;
  const text = readable(ink, surface, ground);
  const button = given('button_color') ?? '#2481cc';
  const tint = hex(mix(rgb(surface), rgb(button), 0.16));
  return {
    '--surface': surface,
    '--ground': ground,
    '--text': text,
    '--hint': readable(given('hint_color') ?? hex(mix(rgb(text), rgb(surface), 0.4)), surface, ground),
    '--link': readable(given('link_color') ?? button, surface, ground, tint),
    '--tint': tint,
    '--line': given('section_separator_color') ?? hex(mix(rgb(surface), rgb(text), 0.12)),
    '--button': button,
    '--button-text': readable(given('button_text_color') ?? '#ffffff', button),
    '--header': given('header_bg_color') ?? surface,
  };
}
