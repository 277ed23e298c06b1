import { type LookupAddress, lookup } from 'node:dns';
import { BlockList, type LookupFunction } from 'node:net';

// Link-local (RFC 3927, RFC 4291 section 2.5.6), and the one address beside it on which a cloud does the same.
const METADATA = new BlockList();
METADATA.addSubnet('169.254.0.0', 16, 'ipv4');
METADATA.addSubnet('fe80::', 10, 'ipv6');
METADATA.addAddress('fd00:ec2::254', 'ipv6');

type Resolve = (
  hostname: string,
  options: object,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Resolves legacy's name, and leaves out the addresses on which clouds hand a machine its own credentials: whoever can write to the DNS
 * must not be able to show them to whoever can send a request. Settings refuse such an address where it is written out.
 */
export function openLookup(resolve: Resolve = lookup as Resolve): LookupFunction {
  return (hostname, options, done) =>
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const good = (addresses ?? []).filter(
        ({ address, family }) => !METADATA.check(address, family === 6 ? 'ipv6' : 'ipv4'),
      );
      const [first] = good;
      if (error !== null || first === undefined) return done(error ?? nameNowhere(), '', 0);
      if (options.all === true) return done(null, good);
      return done(null, first.address, first.family);
    });
}

function nameNowhere(): NodeJS.ErrnoException {
  return Object.assign(new Error('the name leads to link-local addresses only'), { code: 'EHOSTUNREACH' });
}
