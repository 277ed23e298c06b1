import type {
  Asked,
  KeptSample,
  MirrorRules,
  Replayed,
  RouteId,
  TenantName,
} from '../../vocabulary/index.ts';
import type { Finding } from './finding.ts';
import type { SampleMaker } from './sample.ts';

type Again = (asked: Asked, tenant: TenantName, route: RouteId, rules: MirrorRules) => Promise<Finding>;

/** Runs a kept sample on both sides again, if all of its request was kept and legacy can be asked without harm. */
export async function replaySample(
  sample: KeptSample,
  samples: SampleMaker,
  again: Again,
): Promise<Replayed> {
  const { id, route } = sample;
  if (sample.replay !== 'possible')
    return { sample: id, route, verdict: 'not_compared', reason: sample.replay };
  const asked = samples.unseal(sample);
  const tenant = asked?.caller.tenant;
  const rules = asked?.decision.mirror;
  // Sealed with another key: this gateway cannot read it.
  if (!asked || !tenant || !rules) return { sample: id, route, verdict: 'not_compared', reason: 'no_key' };
  const finding = await again(asked, tenant, route, rules);
  if (finding.kind === 'same') return { sample: id, route, verdict: 'same' };
  if (finding.kind === 'not_compared')
    return { sample: id, route, verdict: 'not_compared', reason: finding.reason };
  const { differences } = samples.describe(asked, route, rules, finding);
  return { sample: id, route, verdict: 'different', differences };
}
