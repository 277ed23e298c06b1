import type { DiffGroup, KeptSample, Triage } from '../../../vocabulary/index.ts';
import { printCount, printDay, printTime } from '../figures.ts';
import { type Line, layOut } from '../side-by-side.ts';
import { describeGroup, describeShape, REPLAY_WORDS } from '../words.ts';
import { type Html, html } from './html.ts';

export type GroupWithSamples = Readonly<{ group: DiffGroup; samples: readonly KeptSample[] }>;

/** One group: what differs, since when, how often, what was said of it, and a sample or two beside one another. */
export function writeGroup({ group, samples }: GroupWithSamples): Html {
  const { id, path, kind, types, count, firstMs, lastMs, counts } = group;
  return html`<article class="group ${counts ? 'counts' : 'quiet-group'}" aria-labelledby="g-${id}">
<h4 id="g-${id}">${describeGroup(group)}</h4>
<dl class="facts">
<div><dt>where</dt><dd><code>${path}</code></dd></div>
<div><dt>kind</dt><dd>${kind}</dd></div>
<div><dt>legacy → new</dt><dd>${types}</dd></div>
<div><dt>comparisons</dt><dd>${printCount(count)}</dd></div>
<div><dt>first seen</dt><dd>${printTime(firstMs)}</dd></div>
<div><dt>last seen</dt><dd>${printTime(lastMs)}</dd></div>
<div><dt>group</dt><dd><code>${id}</code></dd></div>
</dl>
${writeTriage(group.triage)}
${samples.map((sample) => writeSample(sample, group))}
</article>`;
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

function writeSample(sample: KeptSample, group: DiffGroup): Html {
  const { method, path, tenant, requestId, atMs, statuses, skeletons, differences, replay } = sample;
  const lines = layOut(skeletons, differences, group.path);
  return html`<section class="sample" aria-label="Sample of group ${group.id}">
<p class="request"><code>${method} ${path}</code> <span class="soft">tenant ${tenant} · request ${requestId} · ${printTime(atMs)} · status ${statuses.legacy} from legacy, ${statuses.new} from the new side · ${REPLAY_WORDS[replay]}</span></p>
${writeOutside(sample, group)}
${lines.length > 0 && writeLines(lines)}
</section>`;
}

/** What no body shows: statuses, headers, cookies, rows. */
function writeOutside({ differences }: KeptSample, group: DiffGroup): Html | undefined {
  const outside = differences.filter(({ path }) => !path.startsWith('/'));
  if (outside.length === 0) return undefined;
  return html`<table class="lines"><thead><tr><th scope="col">outside the body</th><th scope="col">legacy</th><th scope="col">new side</th></tr></thead><tbody>
${outside.map(
  (
    difference,
  ) => html`<tr class="${difference.path === group.path ? 'here' : 'other'}"><th scope="row">${difference.path}${sayMark(difference.path === group.path ? 'here' : 'other')}</th><td>${describeShape(difference.legacy)}</td><td>${describeShape(difference.new)}</td></tr>
`,
)}</tbody></table>`;
}

function writeLines(lines: readonly Line[]): Html {
  return html`<table class="lines"><thead><tr><th scope="col">in the body</th><th scope="col">legacy</th><th scope="col">new side</th></tr></thead><tbody>
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
