import { describe, expect, it, vi } from "vitest";
import { abortedBy, isTimeout, withDeadline } from "./deadline.ts";

describe("withDeadline", () => {
  it("aborts by itself, and says that time ran out", async () => {
    const signal = withDeadline(5);
    await vi.waitFor(() => expect(signal.aborted).toBe(true));
    expect(isTimeout(signal)).toBe(true);
    const error = abortedBy(signal, "fetch of fleet", { timeoutMs: 5_000 });
    expect(error).toMatchObject({ code: "unavailable", isRetryable: true });
    expect(error.message).toBe("fetch of fleet took longer than 5 s");
  });

  it("aborts together with the caller's signal", () => {
    const caller = new AbortController();
    const signal = withDeadline(60_000, caller.signal);
    expect(signal.aborted).toBe(false);
    caller.abort();
    expect(signal.aborted).toBe(true);
    expect(isTimeout(signal)).toBe(false);
    expect(abortedBy(signal, "fetch of fleet")).toMatchObject({
      code: "cancelled",
      message: "fetch of fleet was cancelled",
    });
  });
});
