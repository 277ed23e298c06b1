import { DEFAULT_MIRROR_RULES, type MirrorRules, type NotComparedReason } from '../../../vocabulary/index.ts';
import { percent } from '../confidence.ts';
import type { RouteDiffs } from '../desk.ts';
import { printCount, printCountOf, printTime } from '../figures.ts';
import { NOT_COMPARED_WORDS } from '../words.ts';
import { advise } from './advice.ts';
import { type GroupWithSamples, writeGroup } from './group-section.ts';
import { type Html, html } from './html.ts';

export type RoutePart = Readonly<{
  told: RouteDiffs;
  groups: readonly GroupWithSamples[];
  /** Paths that are noise on this route, learned or by hand. */
  noise: readonly string[];
}>;

/** One route: the verdict, the groups, and what stands beside them. */
export function writeRoute({ told, groups, noise }: RoutePart): Html {
  const { route, row, verdict, tally } = told;
  const { badge, means, next } = advise(told);
  const hidden = told.groups.length - groups.length;
  return html`<section class="route" id="route-${route}" aria-labelledby="r-${route}">
<h2 id="r-${route}"><span class="badge ${verdict.kind}">${badge}</span> ${route}</h2>
<p class="soft">${row ? html`<code>${row.methods.join(', ')} ${row.path}</code> · stage ${row.stage}` : 'no longer in the table'}${tally.lastMs > 0 && ` · compared from ${printTime(tally.firstMs)} to ${printTime(tally.lastMs)}`}</p>
<p class="means">${means} <b>${next}</b></p>
${writeBar(told)}
${groups.length > 0 && html`<h3>Differences</h3>${groups.map(writeGroup)}`}
${hidden > 0 && html`<p class="soft">${printCountOf(hidden, 'more group')} not shown. All of them: <code>npx banyan diffs ${route}</code></p>`}
${writeNotCompared(told)}
${writeNoise(noise)}
${writeRules(row?.mirror)}
</section>`;
}

const PARTS = [
  ['same', 'alike'],
  ['different', 'different'],
  ['accepted', 'only accepted differences'],
  ['noise', 'only noise'],
] as const;

// One in a million has to be seen, too.
const THINNEST = 0.006;

/** The comparisons as a bar, and in words below it. */
function writeBar({ tally, verdict }: RouteDiffs): Html | undefined {
  const all = verdict.compared + verdict.notCompared;
  if (all === 0) return undefined;
  const parts = [
    ...PARTS.map(([name, words]) => ({ name, words, count: tally[name] })),
    { name: 'not-compared', words: 'not compared', count: verdict.notCompared },
  ].filter(({ count }) => count > 0);
  const widths = parts.map(({ count }) => Math.max(count / all, THINNEST));
  const sum = widths.reduce((one, other) => one + other);
  const bars = parts.map(({ name }, at) => {
    const from = widths.slice(0, at).reduce((one, other) => one + other, 0);
    const [x, width] = [from, widths[at] ?? 0].map((share) => `${((share / sum) * 100).toFixed(3)}%`);
    return html`<rect class="${name}" x="${x}" y="0" width="${width}" height="10"/>`;
  });
  const legend = parts.map(
    ({ name, words, count }) =>
      html`<li><svg class="dot" width="10" height="10" aria-hidden="true"><rect class="${name}" width="10" height="10"/></svg> <b>${printCount(count)}</b> ${words}</li>`,
  );
  return html`<svg class="bar" width="100%" height="10" aria-hidden="true">${bars}</svg>
<ul class="legend">${legend}</ul>`;
}

function writeNotCompared({ tally, verdict }: RouteDiffs): Html | undefined {
  if (verdict.notCompared === 0) return undefined;
  const reasons = (Object.entries(tally.notCompared) as [NotComparedReason, number][])
    .filter(([, count]) => count > 0)
    .toSorted(([, one], [, other]) => other - one);
  const share = verdict.notCompared / (verdict.notCompared + verdict.compared);
  return html`<h3>Not compared: ${printCount(verdict.notCompared)} (${percent(share)})</h3>
<table class="plain"><thead><tr><th scope="col">why</th><th scope="col">code</th><th scope="col" class="number">requests</th></tr></thead><tbody>
${reasons.map(([reason, count]) => html`<tr><td>${NOT_COMPARED_WORDS[reason]}</td><td><code>${reason}</code></td><td class="number">${printCount(count)}</td></tr>`)}
</tbody></table>`;
}

function writeNoise(paths: readonly string[]): Html | undefined {
  if (paths.length === 0) return undefined;
  return html`<h3>Noise</h3>
<p>At these places legacy differs with itself, or somebody has said that the difference means nothing. They never count.</p>
<ul class="paths">${paths.map((path) => html`<li><code>${path}</code></li>`)}</ul>`;
}

function writeRules(rules: MirrorRules = DEFAULT_MIRROR_RULES): Html {
  const lines = [
    ['left out', rules.ignore],
    ['order does not matter', rules.unordered.map(({ list, by }) => (by ? `${list} by ${by}` : list))],
    ['tolerance', rules.tolerance.map(({ pointer, within }) => `${pointer} ± ${within}`)],
    ['equal by format', rules.equal.map(({ pointer, format }) => `${pointer} as ${format}`)],
    ['kept in clear text', rules.clear],
  ] as const;
  const told = lines.filter(([, places]) => places.length > 0);
  return html`<h3>How this route is compared</h3>
<dl class="rules"><div><dt>share of the requests</dt><dd>${rules.percent} %</dd></div>${told.map(([name, places]) => html`<div><dt>${name}</dt><dd>${places.map((place) => html`<code>${place}</code> `)}</dd></div>`)}${told.length === 0 && html`<div><dt>rules of its own</dt><dd>none: every place counts</dd></div>`}</dl>`;
}
