import { PassThrough, Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { readFrames, writeFrames } from "./frames.ts";

const never = new AbortController().signal;
const all = async (body: Readable, bytesMax = 10_000_000) => {
  const frames: Buffer[] = [];
  for await (const frame of readFrames(body, { bytesMax })) frames.push(frame);
  return frames;
};
const bytesOf = async (frames: Uint8Array[]): Promise<Buffer> => {
  const body = new PassThrough({ highWaterMark: 1_000 });
  const written = writeFrames(body, frames, never).then(() => body.end());
  const read = Buffer.concat(await body.toArray());
  await written;
  return read;
};

describe("frames", () => {
  it("come out as they went in, however the body is cut", async () => {
    const frames = [Buffer.from("{}"), Buffer.alloc(0), Buffer.alloc(600_000, 7), Buffer.from("x")];
    const body = await bytesOf(frames);
    for (const size of [1_000_000, 70_001, 3]) {
      const pieces = [];
      const some = size === 3 ? body.subarray(0, 6) : body;
      for (let at = 0; at < some.length; at += size) pieces.push(some.subarray(at, at + size));
      expect(await all(Readable.from(pieces))).toEqual(size === 3 ? frames.slice(0, 1) : frames);
    }
  });

  it("are refused when they are too many bytes, or fewer than they say", async () => {
    const body = await bytesOf([Buffer.alloc(100)]);
    await expect(all(Readable.from([body]), 50)).rejects.toMatchObject({ code: "too-large" });
    await expect(all(Readable.from([body.subarray(0, 60)]))).rejects.toMatchObject({ code: "corrupt" });
    await expect(all(Readable.from([body.subarray(0, 2)]))).rejects.toMatchObject({ code: "corrupt" });
    await expect(all(Readable.from([body.subarray(0, 4)]))).rejects.toMatchObject({ code: "corrupt" });
  });
});
