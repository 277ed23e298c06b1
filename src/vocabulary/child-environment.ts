// What any program of Node's may need to find its way: no setting and no secret of ours.
const PASSED_ON = /^(PATH|HOME|TMPDIR|TZ|LANG|LC_\w+|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|PGSSL\w+)$/;

type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of a process of ours: nothing of the gateway's secrets. Whatever it may know is in its first message. */
export function chooseEnvironment(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => PASSED_ON.test(name)));
}
