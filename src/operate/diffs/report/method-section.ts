import { percent } from '../confidence.ts';
import type { Overview } from '../desk.ts';
import { type Html, html } from './html.ts';

/** How it was measured: what a reader who was not there has to know to believe the figures. */
export function writeMethod({ wish }: Overview): Html {
  const asked =
    wish.maxRate === undefined
      ? html`No limit was asked for, so one difference that counts makes a route differ.`
      : html`Asked for was at most ${percent(wish.maxRate)}: a route agrees only if its upper bound is not above that.`;
  return html`<section class="method" aria-labelledby="method">
<h2 id="method">How this was measured</h2>
<dl class="method-list">
<dt>What was compared</dt>
<dd>Real requests. Legacy answered the user; afterwards the new side was given the same request on the same rows, in a transaction that is always undone, and the two answers were compared: status, headers, cookies, body, and for writes the rows. Where the new side answers users, legacy is asked afterwards, for reads only.</dd>
<dt>Which requests</dt>
<dd>A sample: each route’s share stands in its section. Rare routes, rare statuses and new shapes of answers are taken more often, so a rare kind of answer is more likely to be here than its share of the traffic says. Under load copies are dropped, never users’ requests.</dd>
<dt>Upper bound</dt>
<dd>Nobody can prove that two programs never differ. If the true share of differing answers were larger than the bound, as few differences as were seen would come up in fewer than 1 of 20 such measurements (95 % certainty; Clopper and Pearson, one-sided). It speaks of requests like those that were compared, in this time. ${asked}</dd>
<dt>Not enough data</dt>
<dd>Fewer comparisons than were asked for, or too few for the limit. It is no verdict on the new side.</dd>
<dt>Not compared</dt>
<dd>A copy was taken, yet nothing could be said fairly, for instance because the rows behind it were changing. These count neither for nor against; the reasons stand with each route.</dd>
<dt>Noise</dt>
<dd>Legacy is asked twice for a share of safe reads. Where it differs with itself, a difference of the new side means nothing. Such places are listed and never counted.</dd>
<dt>Accepted</dt>
<dd>Somebody has said why the sides may differ there, and until when. From that day on it counts again.</dd>
<dt>Values</dt>
<dd>This page has no values but statuses and the fields that the route table names. Of all others it has type and length.</dd>
</dl>
</section>`;
}
