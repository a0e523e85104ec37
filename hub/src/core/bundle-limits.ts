/** What one bundle may hold, and how long making it may take. */
export interface BundleLimits {
  readonly fileBytesMax: number;
  readonly objectsMax: number;
  readonly bundleBytesMax: number;
  readonly timeoutMsMax: number;
}

/** An agent takes no larger one, whatever its hub allows. */
export const BUNDLE_BYTES_CEILING = 64 * 1024 * 1024;

/** Unless the hub is told otherwise. */
export const BUNDLE_LIMITS: BundleLimits = {
  fileBytesMax: 4 * 1024 * 1024,
  objectsMax: 20_000,
  bundleBytesMax: 32 * 1024 * 1024,
  timeoutMsMax: 30_000,
};
