import { expect, test } from '@jest/globals';
import { openDie } from '../../../legacy-stub/seed/random.ts';
import { compareTemplates, cutTemplate, type Segment } from '../../../src/decide/path-template.ts';
import { TemplateTree } from '../../../src/decide/template-tree.ts';

// Against what is slow and plain: each template asked on its own.

const die = openDie('template tree');
const throwTemplate = () =>
  `/${Array.from({ length: die.between(1, 4) }, () => die.pick(['a', 'b', 'c', ':p', ''])).join('/')}`;
const TEMPLATES = [...new Set(Array.from({ length: 600 }, throwTemplate))].filter(
  (template) => !template.slice(1, -1).includes('//') && !template.startsWith('//'),
);

function plantAll(templates: readonly string[]): TemplateTree<string> {
  const tree = new TemplateTree<string>();
  for (const template of templates) tree.plant(cutTemplate(template), () => template);
  return tree;
}

function matches(segments: readonly Segment[], path: string): boolean {
  const parts = path.slice(1).split('/');
  return (
    parts.length === segments.length &&
    segments.every((segment, at) => (typeof segment === 'string' ? segment === parts[at] : parts[at] !== ''))
  );
}

test('a path finds a template that matches it, and none where none does', () => {
  const tree = plantAll(TEMPLATES);
  for (let count = 0; count < 2_000; count += 1) {
    const path = throwTemplate().replaceAll(':p', 'x');
    const matching = TEMPLATES.filter((template) => matches(cutTemplate(template), path));
    const found = tree.find(path);
    expect(found === undefined ? matching : matching.includes(found)).toEqual(
      found === undefined ? [] : true,
    );
  }
});

test('of templates that do not cross, the one within all others that match', () => {
  for (let count = 0; count < 200; count += 1) {
    const some: string[] = [];
    for (const template of Array.from({ length: 30 }, () => die.pick(TEMPLATES)))
      if (some.every((other) => isOrdered(template, other))) some.push(template);
    const tree = plantAll(some);
    const path = die.pick(some).replaceAll(':p', die.pick(['a', 'b', 'x']));
    const found = tree.find(path) ?? '';
    for (const other of some.filter((template) => matches(cutTemplate(template), path)))
      expect(['same', 'first_within_second']).toContain(
        compareTemplates(cutTemplate(found), cutTemplate(other)),
      );
  }
});

function isOrdered(one: string, other: string): boolean {
  const overlap = compareTemplates(cutTemplate(one), cutTemplate(other));
  return overlap !== 'crossing' && overlap !== 'same';
}

test('a template meets all that match some path which it matches, too', () => {
  const tree = plantAll(TEMPLATES);
  for (const template of TEMPLATES) {
    const segments = cutTemplate(template);
    const meeting = TEMPLATES.filter((other) => compareTemplates(cutTemplate(other), segments) !== 'apart');
    expect([...tree.listMeeting(segments)].sort()).toEqual(meeting.sort());
  }
});

test('exactly the same template is there once, whatever its parameters are called', () => {
  const tree = new TemplateTree<string>();
  expect(tree.plant(cutTemplate('/a/:one/'), () => 'first')).toBe('first');
  expect(tree.plant(cutTemplate('/a/:other/'), () => 'second')).toBe('first');
});
