/** A path template cut at its slashes: a string is matched as it stands, a parameter takes one segment that is not empty. */
export type Segment = string | Readonly<{ param: string }>;

const LONGEST_TEMPLATE = 512;
const PARAM = /^:[a-z][A-Za-z0-9_]*$/;
// pchar of RFC 3986 section 3.3 without what a canonical path never holds (`;`) and what a route library may read as its own
// language (`:` inside a segment, `*`, parentheses). Escapes are for reserved characters only, in upper case.
const LITERAL =
  /^(?:[A-Za-z0-9._~!$&'+,=@-]|%(?![01]|2[5DEF]|3[0-9]|5[CF]|7[EF]|[46][1-9A-F]|[57][0-9A])[0-9A-F]{2})*$/;

/** What is wrong with a template, as the phrase that follows "expected ", or undefined. */
export function findTemplateTrouble(template: string): string | undefined {
  if (template.length > LONGEST_TEMPLATE) return `a path template of at most ${LONGEST_TEMPLATE} characters`;
  if (!template.startsWith('/')) return 'a path template that begins with /';
  if (template.includes('//')) return 'a path template without empty segments (//)';
  if (template.startsWith('/.banyan/')) return "a path outside /.banyan/, which is the gateway's own";
  const segments = template.slice(1).split('/');
  return segments.map(findSegmentTrouble).find(Boolean) ?? findRepeatedParam(segments);
}

function findSegmentTrouble(segment: string): string | undefined {
  if (segment === '.' || segment === '..') return 'a path template without dot segments';
  if (segment.startsWith(':'))
    return PARAM.test(segment) ? undefined : 'a parameter such as :id as a whole segment';
  if (segment.includes(':')) return 'a parameter such as :id as a whole segment';
  if (!LITERAL.test(segment))
    return "a canonical path (letters, digits, -._~!$&'+,=@ and upper-case escapes of other characters; no query, no *)";
  return undefined;
}

function findRepeatedParam(segments: readonly string[]): string | undefined {
  const params = segments.filter((segment) => segment.startsWith(':'));
  return new Set(params).size === params.length ? undefined : 'parameters with different names';
}

/** Cuts a template that `findTemplateTrouble` has found nothing in. */
export function cutTemplate(template: string): readonly Segment[] {
  return template
    .slice(1)
    .split('/')
    .map((segment) => (segment.startsWith(':') ? { param: segment.slice(1) } : segment));
}

/** How the sets of paths that two templates match lie to each other. */
export type Overlap = 'apart' | 'same' | 'first_within_second' | 'second_within_first' | 'crossing';

export function compareTemplates(first: readonly Segment[], second: readonly Segment[]): Overlap {
  if (first.length !== second.length) return 'apart';
  let firstIsNarrower = false;
  let secondIsNarrower = false;
  for (const [index, one] of first.entries()) {
    const other = second[index] as Segment;
    if (typeof one === 'string' && typeof other === 'string') {
      if (one !== other) return 'apart';
    } else if (typeof one === 'string') {
      if (one === '') return 'apart';
      firstIsNarrower = true;
    } else if (typeof other === 'string') {
      if (other === '') return 'apart';
      secondIsNarrower = true;
    }
  }
  if (firstIsNarrower && secondIsNarrower) return 'crossing';
  if (firstIsNarrower) return 'first_within_second';
  return secondIsNarrower ? 'second_within_first' : 'same';
}
