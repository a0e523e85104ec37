/**
 * Preloaded (`node --import`) into a program whose clock a test moves: `Date` is off by the milliseconds of
 * `MUSTER_TEST_CLOCK_OFFSET_MS`, in the main thread and in its workers, which inherit the preload. Timers and
 * `performance.now()` measure spans and stay. OpenSSL asks the machine's own clock: a certificate's validity in a TLS
 * handshake is judged by the real time, which no preload can move.
 */
const offsetMs = Number(process.env.MUSTER_TEST_CLOCK_OFFSET_MS ?? "0");
if (!Number.isSafeInteger(offsetMs)) throw new Error("MUSTER_TEST_CLOCK_OFFSET_MS must be whole milliseconds");

if (offsetMs !== 0) {
  const RealDate = Date;
  class ShiftedDate extends RealDate {
    constructor(...args: unknown[]) {
      if (args.length === 0) super(RealDate.now() + offsetMs);
      else super(...(args as []));
    }
    static override now(): number {
      return RealDate.now() + offsetMs;
    }
  }
  // `Date()` without `new` is a call that a class refuses, and answers the present as text.
  globalThis.Date = new Proxy(ShiftedDate, {
    apply: () => new ShiftedDate().toString(),
  }) as unknown as DateConstructor;
  ShiftedDate.prototype.constructor = globalThis.Date;
}
