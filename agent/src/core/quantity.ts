/**
 * Whether two texts or numbers are the same Kubernetes quantity written differently: `1000m` and `1`, `1Gi` and
 * `1024Mi`. Exact: no rounding takes part.
 */
export function isSameQuantity(a: unknown, b: unknown): boolean {
  const left = parseQuantity(a);
  const right = parseQuantity(b);
  if (left === null || right === null) return false;
  const scale = Math.min(left.scale, right.scale);
  return (
    left.digits * 10n ** BigInt(left.scale - scale) * left.factor ===
    right.digits * 10n ** BigInt(right.scale - scale) * right.factor
  );
}

/** digits × 10^scale × factor. */
interface Quantity {
  readonly digits: bigint;
  readonly scale: number;
  readonly factor: bigint;
}

const decimalExponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  "": 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binaryExponents: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

function parseQuantity(value: unknown): Quantity | null {
  if (typeof value !== "string" && typeof value !== "number") return null;
  const match = /^([+-]?)(\d{0,30})(?:\.(\d{0,30}))?(?:[eE]([+-]?\d{1,2})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(`${value}`);
  if (!match) return null;
  const [, sign, whole = "", fraction = "", exponent, suffix = ""] = match;
  if (whole === "" && fraction === "") return null;
  const digits = BigInt(`${whole}${fraction}`) * (sign === "-" ? -1n : 1n);
  const binary = binaryExponents[suffix];
  const decimal = exponent === undefined ? (decimalExponents[suffix] ?? 0) : Number(exponent);
  return {
    digits,
    scale: (binary === undefined ? decimal : 0) - fraction.length,
    factor: binary === undefined ? 1n : 2n ** BigInt(binary),
  };
}
