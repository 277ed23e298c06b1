import { type Failure, fail } from '../vocabulary/index.ts';
import { type Head, type RawRequest, readList } from './head.ts';

/** Our name in `Via` (RFC 9110 section 7.6.3). */
const PSEUDONYM = 'banyan';

/** A request that has come through us before would come through us for ever. */
export function checkLoop(head: Head): Failure | undefined {
  const hasOurs = readList(head, 'via').some((hop) => hop.split(/[ \t]+/)[1]?.toLowerCase() === PSEUDONYM);
  return hasOurs ? fail('loop_detected') : undefined;
}

const [VIA_1_0, VIA_1_1] = [`1.0 ${PSEUDONYM}`, `1.1 ${PSEUDONYM}`];

/** Of the two versions that `checkProtocol` lets in. */
export function writeVia(req: RawRequest): string {
  return req.httpVersionMinor === 0 ? VIA_1_0 : VIA_1_1;
}

/**
 * `Max-Forwards` counts for OPTIONS only (RFC 9110 section 7.6.2; TRACE is refused anyway): at 0 the gateway is the final recipient,
 * and as that it serves no OPTIONS. Answers the number that goes on, or undefined where the field does not count.
 */
export function countForwards(head: Head, method: string): number | undefined | Failure {
  if (method !== 'OPTIONS') return undefined;
  const values = head.all('max-forwards');
  const [value = ''] = values;
  if (values.length === 0) return undefined;
  if (values.length > 1 || !/^[0-9]{1,9}$/.test(value))
    return fail('request_malformed', { detail: 'Max-Forwards is not one whole number.' });
  if (Number(value) === 0)
    return fail('method_refused', { detail: 'Max-Forwards is 0, and the gateway itself serves no OPTIONS.' });
  return Number(value) - 1;
}
