// Where a tenant stands in a flag's rollout. The hash is MurmurHash3 (x86, 32 bit, seed 0) over `group:tenant`, as Unleash's own
// strategies have it. Its remainder by 100 is the whole percent, so a flag at 25 % in the file and a flexibleRollout at 25 % in
// Unleash (stickiness tenantId, groupId = the flag's name) choose the same tenants: moving from one to the other moves nobody.
// The next two digits of the quotient divide each percent into hundred steps, for percentages down to 0.01.

const STEPS_PER_PERCENT = 100;

/** The tenant's place, 0.00 to 99.99: the flag is on where the percentage is greater. */
export function findBucket(group: string, tenant: string): number {
  const hash = hashMurmur3(`${group}:${tenant}`);
  const wholePercent = hash % 100;
  const fraction = Math.floor(hash / 100) % STEPS_PER_PERCENT;
  return (wholePercent * STEPS_PER_PERCENT + fraction) / STEPS_PER_PERCENT;
}

const mix = (word: number) => {
  const rotated = Math.imul(word, 0xcc9e2d51);
  return Math.imul((rotated << 15) | (rotated >>> 17), 0x1b873593);
};

/** Austin Appleby's MurmurHash3_x86_32, public domain; over the UTF-8 bytes of the text, seed 0. */
function hashMurmur3(text: string): number {
  const bytes = Buffer.from(text);
  const whole = bytes.length - (bytes.length % 4);
  let hash = 0;
  for (let index = 0; index < whole; index += 4) {
    hash ^= mix(bytes.readInt32LE(index));
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  if (whole < bytes.length) hash ^= mix(bytes.readUIntLE(whole, bytes.length - whole));
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
