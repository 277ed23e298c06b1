import { make } from './dom.js';

/** Who answers, why, and what would change it. */
export function drawExplanation(told) {
  const facts = [
    ['route', told.route ?? 'not listed'],
    ['stage', told.stage],
    ['forced', told.forced_by && `to legacy, by the ${told.forced_by}`],
    ['flag', told.flag && describeFlag(told.flag)],
    ['bucket', told.flag && told.flag.bucket !== null ? `${told.flag.bucket}` : null],
    ['breaker', told.breaker],
  ].filter(([, value]) => value);
  return [
    make(
      'p',
      { className: 'verdict' },
      make(
        'span',
        { className: `pill side ${told.side}` },
        told.side === 'new' ? 'the new side answers' : 'legacy answers',
      ),
      told.shadow && make('span', { className: 'quiet small' }, ` then ${told.shadow} is asked and compared`),
    ),
    make('p', {}, told.why),
    make(
      'dl',
      {},
      facts.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]),
    ),
    told.would_change.length > 0 && make('p', { className: 'quiet small' }, 'What would change it'),
    told.would_change.length > 0 &&
      make(
        'ul',
        { className: 'small' },
        told.would_change.map((sentence) => make('li', {}, sentence)),
      ),
  ].filter(Boolean);
}

const RULES = {
  list: 'its list of tenants',
  except: 'its exceptions',
  percent: 'its percentage',
  service: 'the flag service',
};

function describeFlag({ name, is_asked: isAsked, on, rule, percent }) {
  const place = percent === null ? name : `${name} at ${percent} %`;
  if (!isAsked) return `${place}: not asked at this stage`;
  return on === null ? `${place}: unknown` : `${place}: ${on ? 'on' : 'off'}, by ${RULES[rule] ?? 'no rule'}`;
}
