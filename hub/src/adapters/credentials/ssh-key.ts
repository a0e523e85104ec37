/** Where OpenSSH's own format names the cipher: after its magic and the length of the name. */
const OPENSSH_MAGIC = "openssh-key-v1\0";

/** Why a text cannot be used as a private key without anyone there to ask, or null. */
export function checkPrivateKey(text: string): { readonly what: string; readonly fix: string } | null {
  const fix = "Mount a private key made for the hub alone: ssh-keygen -t ed25519 -N '' -f sshPrivateKey";
  const label = /^-----BEGIN ([A-Z ]*PRIVATE KEY)-----$/m.exec(text)?.[1];
  if (label === undefined) {
    const isPublic = /^(ssh-|ecdsa-|sk-)\S+ AAAA/.test(text);
    return { what: isPublic ? "holds a public key, not the private one" : "is not a private key", fix };
  }
  const isLocked = label === "ENCRYPTED PRIVATE KEY" || /^Proc-Type: 4,ENCRYPTED/m.test(text) || hasCipher(text, label);
  return isLocked ? { what: "is protected by a passphrase, which nobody is there to type", fix } : null;
}

function hasCipher(text: string, label: string): boolean {
  if (label !== "OPENSSH PRIVATE KEY") return false;
  const bytes = Buffer.from(text.replaceAll(/-----[^-]*-----|\s/g, ""), "base64");
  const at = OPENSSH_MAGIC.length;
  if (bytes.length < at + 8 || bytes.toString("latin1", 0, at) !== OPENSSH_MAGIC) return false;
  const length = bytes.readUInt32BE(at);
  return bytes.toString("latin1", at + 4, at + 4 + length) !== "none";
}
