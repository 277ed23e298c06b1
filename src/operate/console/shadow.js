import { make, tellAge } from './dom.js';

const MOST_SHOWN = 5;
const BADGES = { clean: 'agrees', different: 'differs', not_enough_data: 'not enough data' };

/** Each route in shadow with its verdict and its groups. `judge` opens the dialog for one group. */
export function drawShadow({ routes }, words, judge) {
  const shown = routes.filter(({ route }) => words.every((word) => route.toLowerCase().includes(word)));
  if (shown.length === 0)
    return [
      make(
        'p',
        { className: 'quiet' },
        routes.length > 0
          ? 'No route in shadow matches the filter.'
          : 'No route is in shadow, and nothing was compared in this time.',
      ),
    ];
  return shown.map((told) => drawRoute(told, judge));
}

function drawRoute({ route, stage, verdict, groups, more_groups: unlisted }, judge) {
  const [counting, others] = [groups.filter(({ counts }) => counts), groups.filter(({ counts }) => !counts)];
  return make(
    'section',
    { className: 'shadow-route', 'data-shadow': route, 'data-verdict': verdict.kind, 'aria-label': route },
    make(
      'p',
      { className: 'row line' },
      make('b', {}, route),
      make('span', { className: `pill verdict ${verdict.kind}` }, BADGES[verdict.kind] ?? verdict.kind),
      make('span', { className: 'small' }, verdict.sentence),
      stage !== 'shadow' &&
        make('span', { className: 'quiet small' }, stage ? `now at ${stage}` : 'no longer in the table'),
    ),
    make('ul', { className: 'groups' }, drawSome(counting, judge)),
    drawFolded(`${route}-more`, 'more that count', counting.slice(MOST_SHOWN), judge),
    drawFolded(`${route}-quiet`, 'accepted or noise', others, judge),
    unlisted > 0 &&
      make('p', { className: 'quiet small' }, `${unlisted} more groups: npx banyan diffs ${route}`),
  );
}

function drawSome(groups, judge) {
  return groups.slice(0, MOST_SHOWN).map((group) => drawGroup(group, judge));
}

function drawFolded(key, what, groups, judge) {
  if (groups.length === 0) return undefined;
  return make(
    'details',
    { 'data-fold': key },
    make('summary', { 'data-key': key }, `${groups.length} ${what}`),
    make(
      'ul',
      { className: 'groups' },
      groups.map((group) => drawGroup(group, judge)),
    ),
  );
}

function drawGroup(group, judge) {
  const { id, story, path, kind, types, count, last, triage, samples } = group;
  return make(
    'li',
    { className: 'group', 'data-group': id, 'data-state': triage.state },
    make(
      'div',
      { className: 'about' },
      make('p', {}, story),
      make(
        'p',
        { className: 'quiet small' },
        make('code', {}, path),
        ` · ${kind === 'type' ? `${kind}, ${types}` : kind} · ${count} × · last `,
        make('time', { dateTime: last, title: new Date(last).toLocaleString() }, tellAge(last)),
        ` · ${samples} ${samples === 1 ? 'sample' : 'samples'} · `,
        make('code', {}, id),
      ),
      triage.state !== 'open' && make('p', { className: 'small said' }, describeTriage(triage)),
    ),
    make(
      'div',
      { className: 'row deeds' },
      listDeeds(triage.state).map(([state, label]) =>
        make(
          'button',
          {
            type: 'button',
            className: 'ghost',
            'data-key': `${id}-${state}`,
            'aria-label': `${label}: ${story}`,
            onclick: () => judge(group, state),
          },
          label,
        ),
      ),
    ),
  );
}

const DEEDS = [
  ['accepted', 'Accept'],
  ['bug', 'Bug'],
  ['noise', 'Noise'],
  ['open', 'Reopen'],
];

/** What a group is already, it need not become; only what is accepted can be accepted for longer. */
function listDeeds(state) {
  return DEEDS.filter(([deed]) => deed === 'accepted' || deed !== state);
}

function describeTriage({ state, owner, reason, until, learned }) {
  const what =
    state === 'accepted'
      ? `Accepted until ${new Date(until).toLocaleDateString()}`
      : state === 'bug'
        ? 'A bug'
        : learned === 'legacy'
          ? 'Noise: legacy differs with itself here'
          : 'Noise';
  return `${what}: “${reason}” (${owner})`;
}
