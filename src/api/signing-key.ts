const MAGIC = 'openssh-key-v1\0';
/** Keys whose signatures are the same each time: a retry makes the same commit. */
const steadyKinds = ['ssh-ed25519', 'ssh-rsa'];

/**
 * What is wrong with a private key that commits are to be signed with, or null. It is the format of OpenSSH (its PROTOCOL.key): after the
 * magic come cipher, key derivation and its options, the number of keys, and the public key, each field preceded by its length.
 */
export function signingKeyFault(pem: string): string | null {
  const [, base64 = ''] =
    /^-----BEGIN OPENSSH PRIVATE KEY-----\s([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----\s*$/.exec(pem.trim()) ??
    [];
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) {
    return 'must be a private key in the format of OpenSSH (as ssh-keygen writes it)';
  }
  let at = MAGIC.length;
  const next = (): Buffer => {
    const length = at + 4 <= bytes.length ? bytes.readUInt32BE(at) : 0;
    const field = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return field;
  };
  const cipher = next().toString('latin1');
  next();
  next();
  at += 4;
  const key = next();
  const kind = key.length >= 4 ? key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1') : '';
  if (cipher !== 'none') return 'must be without a passphrase: nobody is there to type it';
  return steadyKinds.includes(kind) ? null : 'must be an ed25519 or RSA key: others sign differently each time';
}
