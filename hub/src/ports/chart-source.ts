import type { Credentials } from "./credentials.ts";

/** A chart by its name in a repository: `https://charts.example.com` (an index.yaml) or `oci://registry.example.com/charts`. */
export interface ChartRef {
  readonly repository: string;
  readonly name: string;
  readonly credentials: Credentials | null;
}

export interface ResolvedChart {
  readonly name: string;
  /** Exact, without a range. */
  readonly version: string;
  /** `sha256:<64 hex digits>` of the archive. */
  readonly digest: string;
}

/** Helm charts that are not in Git. */
export interface ChartSource {
  /**
   * The highest version in a range (Helm's own reading of ranges: `1.x`, `>=1.2 <2`, `~1.4`, an exact version), and its
   * digest. One small request when nothing changed since the last.
   * @throws AppError "unavailable", "unauthenticated", "forbidden" (an address that may not be reached), "not-found" (no
   * such repository, chart or version), "invalid".
   */
  resolve(chart: ChartRef, opts: { range: string; signal: AbortSignal }): Promise<ResolvedChart>;
  /** The archive, checked against `digest`. @throws as `resolve`, and "invalid" when the digest differs. */
  pull(chart: ChartRef, resolved: ResolvedChart, opts: { bytesMax: number; signal: AbortSignal }): Promise<Uint8Array>;
  close(): Promise<void>;
}
