import { make } from './dom.js';

/** A list of tenants: type a name and Enter or a comma, Backspace takes the last one back. */
export function makeTenantField({ label, names, onChange }) {
  const chosen = [...names];
  const input = make('input', {
    list: 'tenants',
    spellcheck: false,
    placeholder: 'add a tenant',
    'aria-label': `Add to: ${label}`,
  });
  const chips = make('span', { className: 'chips' });
  const field = make(
    'div',
    { className: 'tenants-field' },
    make('span', { className: 'label' }, label),
    make('div', { className: 'box' }, chips, input),
  );
  const draw = () => chips.replaceChildren(...chosen.map(drawChip));
  const change = (edit) => {
    edit();
    draw();
    onChange();
  };
  const drawChip = (name, at) =>
    make(
      'span',
      { className: 'pill' },
      name,
      make(
        'button',
        { type: 'button', 'aria-label': `Remove ${name}`, onclick: () => change(() => chosen.splice(at, 1)) },
        '×',
      ),
    );
  const take = () => {
    const typed = input.value
      .toLowerCase()
      .split(/[\s,]+/)
      .filter((name) => name && !chosen.includes(name));
    input.value = '';
    if (typed.length > 0) change(() => chosen.push(...typed));
  };
  input.addEventListener('keydown', (event) => {
    const isEnd = event.key === 'Enter' || event.key === ',';
    if (isEnd && input.value) event.preventDefault();
    if (isEnd) take();
    if (event.key === 'Backspace' && input.value === '' && chosen.length > 0) change(() => chosen.pop());
  });
  input.addEventListener('change', take);
  draw();
  return { field, names: () => [...chosen] };
}
