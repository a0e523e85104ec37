/** Which deliveries were taken lately. Bounded: when it is full, the oldest is forgotten first. */
export interface DeliveryMemory {
  has(delivery: string, now: number): boolean;
  remember(delivery: string, now: number): void;
}

export function createDeliveryMemory(opts: { keepMs: number; lengthMax: number }): DeliveryMemory {
  // In the order of insertion, so the oldest come first.
  const takenAt = new Map<string, number>();
  return {
    has(delivery, now) {
      const at = takenAt.get(delivery);
      return at !== undefined && at + opts.keepMs > now;
    },
    remember(delivery, now) {
      takenAt.delete(delivery);
      takenAt.set(delivery, now);
      for (const [oldest, at] of takenAt) {
        if (at + opts.keepMs > now && takenAt.size <= opts.lengthMax) break;
        takenAt.delete(oldest);
      }
    },
  };
}
