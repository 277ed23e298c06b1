import { make } from './dom.js';

export const STAGES = ['legacy', 'shadow', 'canary', 'new', 'retired'];

/** All features with their routes, each on its track of stages. `flip` opens the dialog. */
export function drawBoard(table, words, flip) {
  const shown = table.routes.filter((route) => isMatch(route, words));
  const groups = table.features.map((feature) => drawFeature(table, feature, shown, flip));
  const alone = shown.filter(({ feature }) => feature === null);
  const others =
    alone.length > 0 ? drawGroup({ title: 'Without a feature', routes: alone, flip }) : undefined;
  const cards = [...groups, others].filter(Boolean);
  return cards.length > 0 ? cards : [make('p', { className: 'card quiet' }, 'No route matches the filter.')];
}

function isMatch(route, words) {
  const text = [route.id, route.path, route.feature, route.stage, ...route.methods].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

export function drawOverview(table) {
  const counts = STAGES.map((stage) => [stage, table.routes.filter((route) => route.stage === stage).length]);
  const bar = counts.map(([stage, count]) =>
    make('span', { className: `share ${stage}`, style: { 'flex-grow': String(count) }, hidden: count === 0 }),
  );
  const legend = counts.map(([stage, count]) =>
    make('li', {}, make('span', { className: `dot ${stage}` }), make('b', {}, String(count)), ` ${stage}`),
  );
  return [
    make('div', { className: 'bar', 'aria-hidden': 'true' }, bar),
    make('ul', { className: 'legend' }, legend),
  ];
}

function drawFeature(table, feature, shown, flip) {
  const routes = shown.filter((route) => route.feature === feature.name);
  if (routes.length === 0) return undefined;
  const flag = table.flags.find(({ name }) => name === feature.flag);
  const isAsked = routes.some(({ stage }) => stage === 'canary');
  return drawGroup({ title: feature.name, feature, flag, isAsked, routes, flip });
}

function drawGroup({ title, feature, flag, isAsked, routes, flip }) {
  const id = `feature-${title.replaceAll(/\W+/g, '-')}`;
  return make(
    'section',
    { className: 'card feature', 'aria-labelledby': id, 'data-feature': title },
    make(
      'div',
      { className: 'row head' },
      make('h2', { id }, title),
      feature && drawBreaker('legacy', feature.breakers.legacy),
      feature && drawBreaker('new', feature.breakers.new),
      feature?.force && drawForce(`${title} is forced to legacy`),
      feature && drawTables(feature.tables),
      make('span', { className: 'spring' }),
      feature && drawFlipButton(feature, flip),
    ),
    flag && drawFlag(flag, isAsked),
    !flag && feature?.flag && drawDistantFlag(feature.flag),
    make(
      'div',
      { className: 'stages', 'aria-hidden': 'true' },
      make('span'),
      make(
        'div',
        {},
        STAGES.map((s) => make('span', {}, s)),
      ),
    ),
    make(
      'ul',
      { className: 'routes' },
      routes.map((route) => drawRoute(route, flip)),
    ),
  );
}

function drawFlipButton(feature, flip) {
  const key = `flip-${feature.name}`;
  return make(
    'button',
    { type: 'button', 'data-key': key, onclick: () => flip({ subject: feature.name }) },
    `Flip ${feature.name}`,
  );
}

function drawBreaker(side, state) {
  const words = {
    closed: `${side}: breaker closed`,
    half_open: `${side}: breaker trying again`,
    open: side === 'new' ? 'new: breaker open, legacy answers' : 'legacy: breaker open',
  };
  return make('span', { className: `pill breaker ${state}` }, words[state] ?? state);
}

function drawForce(title) {
  return make('span', { className: 'pill forced', title }, 'forced to legacy');
}

function drawTables(tables) {
  return tables.length > 0 && make('span', { className: 'quiet small tables' }, tables.join(', '));
}

function drawFlag(flag, isAsked) {
  const reach = `${flag.percent} % of tenants`;
  return make(
    'div',
    { className: `flag ${isAsked ? '' : 'idle'}` },
    make('span', { className: 'small' }, 'flag ', make('code', {}, flag.name)),
    make('meter', { min: 0, max: 100, value: flag.percent, 'aria-label': reach }),
    make('span', { className: 'small' }, reach),
    ...flag.tenants.map((tenant) =>
      make('span', { className: 'pill on', title: 'always on' }, `+ ${tenant}`),
    ),
    ...flag.except.map((tenant) =>
      make('span', { className: 'pill off', title: 'always off' }, `− ${tenant}`),
    ),
    !isAsked && make('span', { className: 'quiet small' }, 'asked at stage canary only'),
  );
}

function drawDistantFlag(name) {
  return make(
    'div',
    { className: 'flag small' },
    'flag ',
    make('code', {}, name),
    make('span', { className: 'quiet' }, 'lives in Unleash: its percentage and tenants are changed there'),
  );
}

function drawRoute(route, flip) {
  return make(
    'li',
    {
      className: `route ${route.forced_by ? 'held' : ''}`,
      'data-route': route.id,
      'data-stage': route.stage,
      'data-forced-by': route.forced_by ?? undefined,
    },
    make(
      'div',
      { className: 'what' },
      make(
        'span',
        { className: 'methods' },
        route.methods.map((method) => make('span', { className: `method ${method}` }, method)),
      ),
      make('code', { className: 'path' }, route.path),
      make('span', { className: 'quiet small id' }, route.id),
      make('span', { className: `pill stage ${route.stage}` }, route.stage),
      route.forced_by && drawForce(`${route.id} is forced to legacy, by the ${route.forced_by}`),
    ),
    drawTrack(route, flip),
  );
}

function drawTrack(route, flip) {
  const reached = STAGES.indexOf(route.stage);
  const stops = STAGES.map((stage, at) =>
    make('button', {
      type: 'button',
      className: `stop ${stage} ${at === reached ? 'here' : ''} ${at < reached ? 'passed' : ''}`,
      title: at === reached ? `${route.id} is at ${stage}` : `Flip ${route.id} to ${stage}`,
      'aria-label': at === reached ? `${route.id} is at ${stage}: change it` : `Flip ${route.id} to ${stage}`,
      'aria-current': at === reached ? 'step' : undefined,
      'data-key': `${route.id}-${stage}`,
      onclick: () => flip({ subject: route.id, stage }),
    }),
  );
  return make(
    'div',
    { className: `track to-${route.stage}`, role: 'group', 'aria-label': `Stage of ${route.id}` },
    stops,
  );
}
