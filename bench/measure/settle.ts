/**
 * Samples until the last `windowSamples` samples lie within `tolerance` (0.02 = 2 %) of the largest of them, or until
 * `samplesMax` have been taken.
 */
export async function settle(options: {
  sample: () => number;
  pause: () => Promise<void>;
  windowSamples: number;
  samplesMax: number;
  tolerance: number;
}): Promise<{ value: number; isSettled: boolean }> {
  const { sample, pause, windowSamples, samplesMax, tolerance } = options;
  const window: number[] = [];
  for (let taken = 1; ; taken++) {
    const value = sample();
    window.push(value);
    if (window.length > windowSamples) window.shift();
    const high = Math.max(...window);
    const isStill = window.length === windowSamples && high - Math.min(...window) <= high * tolerance;
    if (isStill || taken >= samplesMax) return { value, isSettled: isStill };
    await pause();
  }
}
