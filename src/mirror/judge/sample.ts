import type {
  Asked,
  Difference as KeptDifference,
  KeptSample,
  MirrorRules,
  NewSample,
  Revealed,
  RouteId,
} from '../../vocabulary/index.ts';
import { type FoundValue, printFound } from '../compare/index.ts';
import { isSecretName, isSecretPath, looksSecret, type Mask, type Seal } from '../mask/index.ts';
import type { Difference } from './finding.ts';

/** What is kept of a difference: shapes in the open, the request and the values sealed. */
export type SampleMaker = Readonly<{
  describe(
    asked: Asked,
    route: RouteId,
    rules: MirrorRules,
    found: Difference,
  ): Readonly<{ differences: readonly KeptDifference[]; sample: NewSample }>;
  /** The request of a sample, to be asked again. */
  unseal(sample: KeptSample): Asked | undefined;
  reveal(sample: KeptSample): readonly Revealed[] | undefined;
}>;

export type SampleWish = Readonly<{
  mask: Mask;
  /** Undefined without a lasting key: nothing is sealed then. */
  seal: Seal | undefined;
}>;

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const MOST_DIFFERENCES = 50;
const LARGEST_SEALED = 64 * 1024;
const LARGEST_VALUE = 2_000;
/** Headers that a replay needs; who is calling is kept as the caller, never as a credential. */
const REPLAYED_HEADERS = new Set([
  'accept',
  'accept-language',
  'content-type',
  'range',
  'if-none-match',
  'if-range',
]);

type Sealed = Readonly<{ asked: SealedAsked | undefined; values: readonly Revealed[] }>;
type SealedAsked = Omit<Asked, 'body'> & Readonly<{ body: string }>;

export function openSamples({ mask, seal }: SampleWish): SampleMaker {
  const open = (sample: KeptSample): Sealed | undefined =>
    sample.sealed && seal ? (seal.open(sample.sealed, sample.route) as Sealed | undefined) : undefined;
  return {
    describe: (asked, route, rules, found) => {
      const scope = `${asked.caller.tenant} ${route}`;
      const differences = found.differences
        .slice(0, MOST_DIFFERENCES)
        .map((one) => mask.difference(one, rules, scope));
      const replay = judgeReplay(asked, seal);
      const sealed =
        seal && sealIt(seal, route, replay === 'possible' ? asked : undefined, found, differences);
      return {
        differences,
        sample: {
          requestId: asked.arrival.requestId,
          tenant: asked.caller.tenant as NewSample['tenant'],
          method: asked.arrival.method,
          path: namePath(asked),
          statuses: { legacy: found.legacy.status, new: found.new.status },
          skeletons: {
            legacy: mask.skeleton(found.legacy, rules, scope),
            new: mask.skeleton(found.new, rules, scope),
          },
          differences,
          effects: found.effects,
          sealed,
          replay: sealed === undefined && replay === 'possible' ? 'too_large' : replay,
        },
      };
    },
    unseal: (sample) => {
      const asked = open(sample)?.asked;
      return asked && { ...asked, body: { kind: 'whole', bytes: Buffer.from(asked.body, 'base64') } };
    },
    reveal: (sample) => open(sample)?.values,
  };
}

/** Numbers in the path are kept; other parameters may be a person's address or a way in. Of the query only that there was one. */
function namePath({ arrival: { path, target }, decision: { params } }: Asked): string {
  const shown = Object.entries(params).reduce(
    (text, [name, value]) => (/^\d{1,19}$/.test(value) ? text : text.replace(`/${value}`, () => `/:${name}`)),
    path,
  );
  return target.includes('?') ? `${shown}?…` : shown;
}

function judgeReplay({ arrival, body }: Asked, seal: Seal | undefined): NewSample['replay'] {
  if (!seal) return 'no_key';
  if (!SAFE.has(arrival.method)) return 'unsafe_method';
  if (body.kind !== 'whole' || body.bytes.length > LARGEST_SEALED) return 'too_large';
  const query = [...new URLSearchParams(arrival.target.split('?')[1] ?? '')];
  const isTelling = query.some(([name, value]) => isSecretName(name) || looksSecret(value));
  return isTelling || looksSecret(arrival.path) ? 'holds_a_secret' : 'possible';
}

function sealIt(
  seal: Seal,
  route: RouteId,
  asked: Asked | undefined,
  found: Difference,
  differences: readonly KeptDifference[],
): Uint8Array | undefined {
  const values = found.differences.slice(0, MOST_DIFFERENCES).flatMap((one, i): Revealed[] => {
    const path = differences[i]?.path ?? '';
    const values = [cut(one.legacy), cut(one.new)] as const;
    if (isSecretPath(path) || values.some(looksSecret)) return [];
    return [{ path, legacy: values[0], new: values[1] }];
  });
  const sealed: Sealed = { asked: asked && strip(asked), values };
  const bytes = seal.seal(sealed, route);
  return bytes.length > LARGEST_SEALED * 2 ? undefined : bytes;
}

// What is inside an object was not looked at for secrets.
function cut(value: FoundValue): string {
  if (value.type === 'object' || value.type === 'list') return `(${value.type}, ${value.length ?? 0} inside)`;
  const text = printFound(value);
  return text.length > LARGEST_VALUE ? `${text.slice(0, LARGEST_VALUE)} …` : text;
}

function strip({ arrival, caller, decision, body }: Asked): SealedAsked {
  const headers: string[] = [];
  for (let i = 0; i + 1 < arrival.headers.length; i += 2) {
    const [name = '', value = ''] = [arrival.headers[i], arrival.headers[i + 1]];
    if (REPLAYED_HEADERS.has(name.toLowerCase())) headers.push(name, value);
  }
  const bytes = body.kind === 'whole' ? Buffer.from(body.bytes).toString('base64') : '';
  return {
    arrival: { ...arrival, headers, form: undefined, credentials: [], peer: '' },
    caller,
    decision,
    body: bytes,
  };
}
