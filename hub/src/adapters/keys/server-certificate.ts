import { createPrivateKey, createPublicKey } from "node:crypto";
import type { Clock } from "@muster/shared/clock.ts";
import { isAppError } from "@muster/shared/errors.ts";
import type { ServerCertificate } from "../../ports/certificate-authority.ts";
import { createP256Key, type Issuer, issueServerCertificate } from "./certificates.ts";

const HOUR_MS = 60 * 60_000;
const LIFE_MS = 30 * 24 * HOUR_MS;
const BACKDATE_MS = 5 * 60_000;

type Pair = ReturnType<ServerCertificate["current"]>;

/**
 * A server certificate that is made anew, with a new key, at two thirds of its life. It looks at the clock every hour
 * rather than once, so that a machine that slept renews soon after it wakes. Ends with `signal`.
 */
export async function keepServerCertificate(opts: {
  issuer: Issuer;
  names: readonly string[];
  serial: () => string;
  clock: Clock;
  signal: AbortSignal;
}): Promise<ServerCertificate> {
  const listeners = new Set<(pair: Pair) => void>();

  const make = async (): Promise<{ pair: Pair; renewAt: number }> => {
    const now = opts.clock.now();
    const key = createP256Key();
    const issued = await issueServerCertificate(opts.issuer, {
      publicKey: createPublicKey(createPrivateKey(key)).export({ format: "der", type: "spki" }),
      commonName: opts.names[0] ?? "muster-hub",
      serial: opts.serial(),
      names: opts.names,
      notBefore: now - BACKDATE_MS,
      notAfter: now + LIFE_MS,
    });
    return { pair: { certificate: issued.pem, key }, renewAt: now + (LIFE_MS * 2) / 3 };
  };

  let { pair, renewAt } = await make();
  const keep = async (): Promise<void> => {
    while (!opts.signal.aborted) {
      await opts.clock.sleep(Math.min(HOUR_MS, Math.max(1_000, renewAt - opts.clock.now())), opts.signal);
      if (opts.clock.now() < renewAt) continue;
      ({ pair, renewAt } = await make());
      for (const listener of listeners) listener(pair);
    }
  };
  keep().catch((error) => {
    if (!isAppError(error, "cancelled")) throw error;
  });

  return {
    current: () => pair,
    onRenewed(callback) {
      listeners.add(callback);
      return () => listeners.delete(callback);
    },
  };
}
