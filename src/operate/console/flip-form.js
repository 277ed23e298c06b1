import { STAGES } from './board.js';
import { make } from './dom.js';
import { makeTenantField } from './tenant-field.js';

/** What a flip can be asked: a stage, whom the flag reaches, and why. `read` answers it as the API wants it. */
export function drawForm(table, subject, stage) {
  const listeners = [];
  const changed = () => {
    for (const listener of listeners) listener();
  };
  const stages = drawStages(stage, changed);
  const reach = subject.flag && table.flag_source === 'file' ? drawReach(subject.flag, changed) : undefined;
  const note = describeFlagPlace(table, subject);
  const takeBack = drawTakeBack(subject, changed);
  const force = drawForce(subject, changed);
  const reason = make('textarea', {
    required: true,
    maxLength: 500,
    rows: 2,
    placeholder: 'Why? This goes into the audit log.',
  });
  const preview = make('div', { className: 'preview', 'aria-live': 'polite' });
  const error = make('p', { className: 'error', role: 'alert' });
  const submit = make('button', { type: 'submit', className: 'primary' }, 'Flip');
  const element = make(
    'form',
    { className: 'flip', method: 'dialog' },
    make('h2', {}, `Flip ${subject.name}`),
    make('p', { className: 'quiet small' }, describeSubject(subject)),
    stages.element,
    reach?.element,
    takeBack?.element,
    force.element,
    note && make('p', { className: 'quiet small note' }, note),
    preview,
    make('label', {}, 'Reason', reason),
    error,
    make(
      'div',
      { className: 'row end' },
      make('button', { type: 'button', className: 'ghost cancel' }, 'Cancel'),
      submit,
    ),
  );
  const readFlip = () => ({
    stage: stages.read(),
    ...(reach && stages.read() === 'canary' ? reach.read() : {}),
    ...(takeBack?.isChecked() ? { take_back_retired: true } : {}),
    ...force.read(),
  });
  // What is forced keeps its stage and its flag.
  const read = () => (force.begins() ? force.read() : readFlip());
  const showReach = () => {
    const isForced = force.begins() || force.stays();
    stages.element.disabled = isForced;
    if (reach) reach.element.hidden = stages.read() !== 'canary' || isForced;
  };
  listeners.push(showReach);
  showReach();
  return {
    element,
    reason,
    preview,
    error,
    submit,
    read,
    staysForced: force.stays,
    onChange: (listener) => listeners.push(listener),
  };
}

function describeSubject({ feature, routes, flag, siblings }) {
  if (feature) return `${routes.length} ${routes.length === 1 ? 'route moves' : 'routes move'} together.`;
  return flag && siblings > 1
    ? `Its flag ${flag.name} is shared by ${siblings} routes: whoever it reaches, it reaches on all that are at canary.`
    : 'One route.';
}

function describeFlagPlace(table, { routes, feature }) {
  const name = feature?.flag ?? routes[0]?.flag;
  if (table.flag_source === 'unleash' && name)
    return `Flag ${name} lives in Unleash: change its percentage and tenants there.`;
  return name || !feature
    ? undefined
    : 'This feature has no flag yet, so it cannot be at canary. Name one in the table first.';
}

function drawStages(stage, changed) {
  const radios = STAGES.map((name) =>
    make(
      'label',
      { className: `choice ${name}` },
      make('input', {
        type: 'radio',
        name: 'stage',
        value: name,
        checked: name === stage,
        onchange: changed,
      }),
      make('span', {}, name),
    ),
  );
  const element = make('fieldset', { className: 'segments' }, make('legend', {}, 'Stage'), radios);
  return { element, read: () => element.querySelector('input:checked').value };
}

/** A retired route's legacy code may be gone: nobody should come back to it without having thought of that. */
function drawTakeBack({ routes }, changed) {
  const retired = routes.filter(({ stage }) => stage === 'retired');
  if (retired.length === 0) return undefined;
  const box = make('input', { type: 'checkbox', onchange: changed });
  const text = `Take back ${retired.map(({ id }) => id).join(', ')}: legacy can still answer it`;
  return {
    element: make('label', { className: 'check' }, box, make('span', {}, text)),
    isChecked: () => box.checked,
  };
}

/** The brake: legacy answers, and stage and flag keep what they say for the day on which it is let go. */
function drawForce({ routes, feature }, changed) {
  const isForced = feature ? feature.force !== null : routes.some(({ forced_by: by }) => by === 'route');
  const box = make('input', { type: 'checkbox', name: 'force', checked: isForced, onchange: changed });
  const text = 'Force to legacy, whatever stage, flag and testers say';
  return {
    element: make('label', { className: 'check' }, box, make('span', {}, text)),
    begins: () => box.checked && !isForced,
    stays: () => box.checked && isForced,
    read: () => (box.checked === isForced ? {} : { force: box.checked ? 'legacy' : null }),
  };
}

function drawReach(flag, changed) {
  const number = make('input', {
    type: 'number',
    min: 0,
    max: 100,
    step: 0.01,
    value: flag.percent,
    required: true,
    'aria-label': 'Percent of tenants',
  });
  const range = make('input', {
    type: 'range',
    min: 0,
    max: 100,
    step: 1,
    value: flag.percent,
    'aria-label': 'Percent of tenants',
    tabIndex: -1,
  });
  const pair = (from, to) =>
    from.addEventListener('input', () => {
      to.value = from.value;
      changed();
    });
  pair(number, range);
  pair(range, number);
  const tenants = makeTenantField({ label: 'always for', names: flag.tenants, onChange: changed });
  const except = makeTenantField({ label: 'never for', names: flag.except, onChange: changed });
  const element = make(
    'fieldset',
    { className: 'reach' },
    make('legend', {}, `Whom flag ${flag.name} reaches`),
    make('div', { className: 'row percent' }, range, number, make('span', {}, '% of tenants')),
    tenants.field,
    except.field,
  );
  const read = () => ({ percent: Number(number.value), tenants: tenants.names(), except: except.names() });
  return { element, read };
}
