import type { DiffGroup, KeptSample, Triage } from '../../../vocabulary/index.ts';
import { printCount, printDay, printTime } from '../figures.ts';
import { type Line, layOut } from '../side-by-side.ts';
import { describeGroup, REPLAY_WORDS } from '../words.ts';
import { type Html, html } from './html.ts';

export type GroupWithSamples = Readonly<{ group: DiffGroup; samples: readonly KeptSample[] }>;

/** One group: what differs, since when, how often, what was said of it, and a sample or two beside one another. */
export function writeGroup({ group, samples }: GroupWithSamples): Html {
  const { id, path, kind, types, count, counts } = group;
  return html`<article class="group ${counts ? 'counts' : 'quiet-group'}" aria-labelledby="g-${id}">
<h4 id="g-${id}">${describeGroup(group)}</h4>
<dl class="facts">
<div><dt>where</dt><dd><code>${path}</code></dd></div>
<div><dt>kind</dt><dd>${kind}${kind === 'type' && `, ${types}`}</dd></div>
<div><dt>comparisons</dt><dd>${printCount(count)}</dd></div>
<div><dt>seen</dt><dd>${printSpan(group)}</dd></div>
<div><dt>group</dt><dd><code>${id}</code></dd></div>
</dl>
${writeTriage(group.triage)}
${listUnlike(samples, path).map((sample) => writeSample(sample, path))}
${counts && html`<p class="soft deeds">Look closer: <code>npx banyan diffs show ${id}</code> · after mending: <code>npx banyan replay ${id}</code> · if it may differ: <code>npx banyan diffs accept ${id} --until 30d --reason "…"</code></p>`}
</article>`;
}

function printSpan({ firstMs, lastMs }: DiffGroup): string {
  const [first, last] = [printTime(firstMs), printTime(lastMs)];
  return first === last ? first : `${first} to ${last}`;
}

/** A second sample is worth its place on the page if it shows something that the first does not. */
function listUnlike(samples: readonly KeptSample[], path: string): readonly KeptSample[] {
  const looks = samples.map((sample) => JSON.stringify([sample.path, layOut(sample, path)]));
  return samples.filter((_, at) => looks.indexOf(looks[at] ?? '') === at);
}

function writeTriage(triage: Triage): Html {
  if (triage.state === 'open')
    return html`<p class="triage open"><b>Open.</b> Nobody has said yet what this is.</p>`;
  const { owner, reason, atMs } = triage;
  const said = html`“${reason}” <span class="soft">${owner}, ${printDay(atMs)}</span>`;
  if (triage.state === 'bug') return html`<p class="triage bug"><b>A bug.</b> ${said}</p>`;
  if (triage.state === 'accepted')
    return html`<p class="triage accepted"><b>Accepted until ${printDay(triage.untilMs)}.</b> ${said}</p>`;
  const learned = triage.learned === 'legacy' ? 'Noise: legacy differs with itself here.' : 'Noise.';
  return html`<p class="triage noise"><b>${learned}</b> ${said}</p>`;
}

function writeSample(sample: KeptSample, asked: string): Html {
  const { method, path, tenant, requestId, atMs, replay } = sample;
  const facts = [`tenant ${tenant}`, `request ${requestId}`, printTime(atMs), printStatuses(sample)];
  return html`<section class="sample" aria-label="Sample ${sample.id}">
<p class="request"><code>${method} ${path}</code> <span class="soft">${facts.join(' · ')} · ${REPLAY_WORDS[replay]}</span></p>
${writeLines(layOut(sample, asked))}
</section>`;
}

function printStatuses({ statuses }: KeptSample): string {
  if (statuses.legacy === statuses.new) return `both answered ${statuses.legacy}`;
  return `legacy answered ${statuses.legacy}, the new side ${statuses.new}`;
}

function writeLines(lines: readonly Line[]): Html {
  return html`<table class="lines"><thead><tr><th scope="col">place</th><th scope="col">legacy</th><th scope="col">new side</th></tr></thead><tbody>
${lines.map(
  ({ depth, name, legacy, new: fresh, mark }) =>
    html`<tr class="${mark ?? 'alike'}"><th scope="row" class="d${Math.min(depth, DEEPEST)}">${name}${sayMark(mark)}</th><td>${legacy}</td><td>${fresh}</td></tr>
`,
)}</tbody></table>`;
}

/** As many steps as the style sheet has. */
const DEEPEST = 8;

/** In words, too: colour alone tells nothing to many, and to a black printer. */
function sayMark(mark: Line['mark']): Html | undefined {
  if (mark === undefined) return undefined;
  return mark === 'here'
    ? html` <span class="flag">differs</span>`
    : html` <span class="flag">differs, too</span>`;
}
