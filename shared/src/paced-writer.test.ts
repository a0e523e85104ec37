import { describe, expect, it } from "vitest";
import { createPacedWriter } from "./paced-writer.ts";

/** A stream that is full after `room` writes, until it is drained. */
function slowStream(room: number) {
  const got: string[] = [];
  let free = room;
  let onDrain: (() => void) | null = null;
  return {
    got,
    write(chunk: Uint8Array) {
      got.push(Buffer.from(chunk).toString());
      free -= 1;
      return free > 0;
    },
    once(_: "drain", callback: () => void) {
      onDrain = callback;
    },
    drain(room_: number) {
      free = room_;
      const callback = onDrain;
      onDrain = null;
      callback?.();
    },
  };
}
const text = (value: string) => Buffer.from(value);

describe("a paced writer", () => {
  it("writes at once while there is room, then keeps order within its bound", () => {
    const stream = slowStream(2);
    const writer = createPacedWriter(stream, { bytesMax: 4 });
    for (const word of ["a", "b", "cc", "dd"]) expect(writer.push(text(word))).toBe(true);
    expect(stream.got).toEqual(["a", "b"]);
    expect([writer.isBlocked, writer.waitingBytes]).toEqual([true, 4]);
    expect(writer.push(text("e"))).toBe(false);
    stream.drain(1);
    expect(stream.got).toEqual(["a", "b", "cc"]);
    expect(writer.push(text("e"))).toBe(true);
    stream.drain(9);
    expect(stream.got).toEqual(["a", "b", "cc", "dd", "e"]);
    expect([writer.isBlocked, writer.waitingBytes, writer.written]).toEqual([false, 0, 5]);
  });

  it("lets the newest urgent message go first", () => {
    const stream = slowStream(1);
    const writer = createPacedWriter(stream, { bytesMax: 100 });
    for (const word of ["a", "b"]) writer.push(text(word));
    writer.pushUrgent(text("beat 1"));
    writer.pushUrgent(text("beat 2"));
    stream.drain(9);
    expect(stream.got).toEqual(["a", "beat 2", "b"]);
  });

  it("takes a message beyond the bound when nothing waits: it goes straight out", () => {
    const stream = slowStream(5);
    expect(createPacedWriter(stream, { bytesMax: 2 }).push(text("long one"))).toBe(true);
    expect(stream.got).toEqual(["long one"]);
  });

  it("is silent once it is closed", () => {
    const stream = slowStream(1);
    const writer = createPacedWriter(stream, { bytesMax: 100 });
    for (const word of ["a", "b"]) writer.push(text(word));
    writer.close();
    stream.drain(9);
    expect(writer.push(text("c"))).toBe(false);
    expect(stream.got).toEqual(["a"]);
  });
});
