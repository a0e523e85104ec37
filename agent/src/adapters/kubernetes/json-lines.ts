import { AppError } from "@muster/shared/errors.ts";

const NEWLINE = 0x0a;

/**
 * One JSON value per line, as the lines become complete: nothing is kept but the unfinished one.
 * @throws AppError "too-large" for a line beyond `lineBytesMax`, "corrupt" for one that is no JSON.
 */
export async function* readJsonLines(
  chunks: AsyncIterable<Uint8Array>,
  { lineBytesMax }: { lineBytesMax: number },
): AsyncGenerator<unknown, void, void> {
  let unfinished: Uint8Array[] = [];
  let unfinishedBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = Buffer.concat([...unfinished, chunk.subarray(start, end)]);
      unfinished = [];
      unfinishedBytes = 0;
      start = end + 1;
      if (line.length > 0) yield parseLine(line);
    }
    if (start === chunk.length) continue;
    unfinished.push(chunk.subarray(start));
    unfinishedBytes += chunk.length - start;
    if (unfinishedBytes > lineBytesMax) {
      throw new AppError("too-large", `one event of a watch is beyond ${lineBytesMax} bytes`);
    }
  }
  // A line without its end was cut off with the connection: the resumed watch brings it again.
}

function parseLine(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString("utf8"));
  } catch (cause) {
    throw new AppError("corrupt", "a watch brought a line that is no JSON", { cause });
  }
}
