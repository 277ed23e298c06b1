import { createHash } from 'node:crypto';
import { percent } from '../confidence.ts';
import type { DiffDesk, Overview, RouteDiffs } from '../desk.ts';
import { printCount, printCountOf, printTime } from '../figures.ts';
import { advise } from './advice.ts';
import type { GroupWithSamples } from './group-section.ts';
import { type Html, html, printHtml, trustedStyle } from './html.ts';
import { writeMethod } from './method-section.ts';
import { type RoutePart, writeRoute } from './route-section.ts';
import { REPORT_STYLE } from './style.ts';

// What a person reads in one sitting; the rest is one command away.
const MOST_GROUPS = 25;
const SAMPLES_EACH = 2;
// Of all routes together: beyond, groups are told without samples, so that a report of many bad routes is still made in time.
const MOST_WITH_SAMPLES = 150;

/**
 * For `style-src`: the page's one style sheet and nothing else. The page says the same of itself, so that wherever it is sent nothing in
 * it can run or load, whatever it holds.
 */
export const REPORT_STYLE_SOURCE = `'sha256-${createHash('sha256').update(REPORT_STYLE).digest('base64')}'`;

/** The whole report as one self-contained page. */
export async function writeReport(desk: DiffDesk, overview: Overview): Promise<string> {
  const noise = await desk.ledger.listNoise();
  const parts: RoutePart[] = [];
  let left = MOST_WITH_SAMPLES;
  // One route after the other: a report is no reason to keep the ledger's few connections from everybody else.
  for (const told of overview.routes) {
    const paths = noise.filter(({ route }) => route === told.route).map(({ path }) => path);
    const groups = await addSamples(desk, told, left);
    left -= groups.length;
    parts.push({ told, groups, noise: [...new Set(paths)].toSorted() });
  }
  return `<!doctype html>\n${printHtml(writePage(overview, parts))}\n`;
}

async function addSamples(
  desk: DiffDesk,
  { groups }: RouteDiffs,
  left: number,
): Promise<readonly GroupWithSamples[]> {
  const shown: GroupWithSamples[] = [];
  for (const [at, group] of groups.slice(0, MOST_GROUPS).entries())
    shown.push({ group, samples: at < left ? await desk.listSamples(group, SAMPLES_EACH) : [] });
  return shown;
}

function writePage(overview: Overview, parts: readonly RoutePart[]): Html {
  const { sinceMs, atMs, revision } = overview;
  return html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${REPORT_STYLE_SOURCE}; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Shadow comparison, ${printTime(atMs)}</title>
${trustedStyle(REPORT_STYLE)}
</head>
<body>
<header class="head">
<p class="brand">Banyan</p>
<h1>Shadow comparison</h1>
<p class="lead">${summarise(overview)}</p>
<dl class="facts">
<div><dt>compared</dt><dd>${sinceMs > 0 ? `${printTime(sinceMs)} to ${printTime(atMs)}` : `until ${printTime(atMs)}`}</dd></div>
<div><dt>made</dt><dd>${printTime(atMs)}</dd></div>
<div><dt>table’s revision</dt><dd><code>${revision}</code></dd></div>
</dl>
</header>
<main>
${overview.routes.length > 0 && writeSummary(overview)}
${parts.map(writeRoute)}
${writeMethod(overview)}
</main>
</body>
</html>`;
}

/** The verdict of all verdicts. */
function summarise({ routes }: Overview): string {
  if (routes.length === 0) return 'No route is in shadow, and nothing was compared in this time.';
  const of = (kind: RouteDiffs['verdict']['kind']) =>
    routes.filter(({ verdict }) => verdict.kind === kind).length;
  const [differ, waiting, clean] = [of('different'), of('not_enough_data'), of('clean')];
  const compared = routes.reduce((sum, { verdict }) => sum + verdict.compared, 0);
  const parts = [
    differ > 0 && `${printCountOf(differ, 'route')} ${differ === 1 ? 'differs' : 'differ'}`,
    waiting > 0 && `${printCountOf(waiting, 'route')} ${waiting === 1 ? 'has' : 'have'} not enough data`,
    clean > 0 && `${printCountOf(clean, 'route')} ${clean === 1 ? 'agrees' : 'agree'}`,
  ].filter((part) => part !== false);
  return `${parts.join(', ')}. ${printCountOf(compared, 'comparison')} in all.`;
}

function writeSummary({ routes }: Overview): Html {
  return html`<section aria-labelledby="summary">
<h2 id="summary">All routes</h2>
<div class="wide"><table class="plain summary"><thead><tr><th scope="col">route</th><th scope="col">verdict</th><th scope="col" class="number">compared</th><th scope="col" class="number">different</th><th scope="col" class="number">upper bound</th><th scope="col" class="number">accepted</th><th scope="col" class="number">noise</th><th scope="col" class="number">not compared</th></tr></thead><tbody>
${routes.map(writeSummaryRow)}
</tbody></table></div>
</section>`;
}

function writeSummaryRow(told: RouteDiffs): Html {
  const { route, verdict } = told;
  const { compared, different, accepted, noise, notCompared, upperBound } = verdict;
  return html`<tr><th scope="row"><a href="#route-${route}">${route}</a></th><td><span class="badge ${verdict.kind}">${advise(told).badge}</span></td><td class="number">${printCount(compared)}</td><td class="number">${printCount(different)}</td><td class="number">${compared === 0 ? '–' : percent(upperBound)}</td><td class="number">${printCount(accepted)}</td><td class="number">${printCount(noise)}</td><td class="number">${printCount(notCompared)}</td></tr>
`;
}
