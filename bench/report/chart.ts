// All rows as one drawing: for each part and unit a panel of bars, whose whiskers are the lowest and the highest round, and whose mark is
// the bound. No script, no font and no style sheet from anywhere else.
import type { Row, Unit } from '../part.ts';
import { judge } from './verdict.ts';
import { showBound, showFigure } from './words.ts';

type Panel = Readonly<{ title: string; unit: Unit; rows: readonly SeenRow[] }>;
type SeenRow = Row & Readonly<{ seen: NonNullable<Row['seen']> }>;

const SIZE = { width: 1_060, label: 380, value: 200, row: 26, bar: 14, title: 44, gap: 26, top: 64 } as const;
const ROOM = SIZE.width - SIZE.label - SIZE.value;
const COLORS = {
  held: '#3b7d4f',
  reached: '#3b7d4f',
  missed: '#b3402f',
  told: '#6f7f95',
  unseen: '#6f7f95',
} as const;

const UNITS: Readonly<Partial<Record<Unit, string>>> = {
  '×': 'ratio',
  'req/CPU-s': 'requests per second of processor',
  'req/s': 'requests per second',
  ms: 'milliseconds',
  µs: 'microseconds',
};

export function drawChart(
  title: string,
  subtitle: string,
  parts: readonly Readonly<{ title: string; rows: readonly Row[] }>[],
): string {
  const panels = parts.flatMap(makePanels);
  let y: number = SIZE.top;
  const drawn = panels.map((panel) => {
    const text = drawPanel(panel, y);
    y += SIZE.title + panel.rows.length * SIZE.row + SIZE.gap;
    return text;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${y}" font-family="system-ui, sans-serif" font-size="13">`,
    `<title>${escapeText(title)}</title>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="20" y="32" font-size="20" font-weight="600">${escapeText(title)}</text>`,
    `<text x="20" y="52" fill="#555">${escapeText(subtitle)}</text>`,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function makePanels({ title, rows }: Readonly<{ title: string; rows: readonly Row[] }>): readonly Panel[] {
  const seen = rows.filter((row): row is SeenRow => row.seen !== undefined);
  const units = [...new Set(seen.map(({ unit }) => unit))];
  return units.map((unit) => ({ title, unit, rows: seen.filter((row) => row.unit === unit) }));
}

function drawPanel({ title, unit, rows }: Panel, y: number): string {
  const most = Math.max(
    ...rows.flatMap(({ seen, bound }) => [seen.high, bound?.least ?? 0]),
    Number.MIN_VALUE,
  );
  const unitText = UNITS[unit] ?? unit;
  return [
    `<text x="20" y="${y + 22}" font-size="15" font-weight="600">${escapeText(title)}${unitText === '' ? '' : ` · ${escapeText(unitText)}`}</text>`,
    ...rows.map((row, i) =>
      drawRow(row, (value) => (Math.max(0, value) / most) * ROOM, y + SIZE.title + i * SIZE.row),
    ),
  ].join('\n');
}

function drawRow(row: SeenRow, scale: (value: number) => number, y: number): string {
  const { seen, bound, unit } = row;
  const [left, middle] = [SIZE.label, y + SIZE.bar / 2];
  const at = (value: number) => round(left + scale(value));
  const tip = [row.what, showFigure(seen.median, unit), showBound(bound, unit), row.note]
    .filter(Boolean)
    .join(' · ');
  return [
    `<g><title>${escapeText(tip)}</title>`,
    `<text x="${left - 10}" y="${y + 11}" text-anchor="end">${escapeText(row.what)}</text>`,
    `<rect x="${left}" y="${y}" width="${round(Math.max(1, scale(seen.median)))}" height="${SIZE.bar}" fill="${COLORS[judge(row)]}"/>`,
    seen.rounds > 1 ? drawWhisker(at(seen.low), at(seen.high), middle) : '',
    bound ? drawMark(at(bound.least), y) : '',
    `<text x="${SIZE.width - SIZE.value + 12}" y="${y + 11}">${escapeText(showFigure(seen.median, unit))}`,
    bound ? `<tspan fill="#777"> ${escapeText(showBound({ ...bound }, ''))}</tspan></text>` : '</text>',
    '</g>',
  ].join('');
}

const drawWhisker = (low: number, high: number, y: number) =>
  `<path d="M${low} ${y}H${high}M${low} ${y - 4}v8M${high} ${y - 4}v8" stroke="#111" fill="none"/>`;

const drawMark = (x: number, y: number) =>
  `<path d="M${x} ${y - 3}v${SIZE.bar + 6}" stroke="#d08a00" stroke-width="2" stroke-dasharray="3 2"/>`;

const round = (value: number) => Math.round(value * 10) / 10;

const escapeText = (text: string) =>
  text.replace(
    /[&<>"]/g,
    (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign] ?? sign,
  );
