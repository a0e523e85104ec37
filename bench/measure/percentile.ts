/**
 * The value that `percent` of the samples do not exceed (nearest rank, so always a sample that was really seen).
 * The samples need no order. Throws on no samples: there is no percentile of nothing.
 */
export function percentile(samples: readonly number[], percent: number): number {
  if (samples.length === 0) throw new Error("percentile of no samples");
  if (!(percent >= 0 && percent <= 100)) throw new Error(`percent ${percent} is not within 0 and 100`);
  const sorted = Float64Array.from(samples).sort();
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  return sorted[rank - 1] as number;
}
