import { AppError } from "@muster/shared/errors.ts";
import { DELIMITER, FLUSH, type Packet, packetOf, textOf } from "./pkt-line.ts";

/** Commits of ours that are named to the server; what it knows of them it does not send again. */
const HAVES_MAX = 512;

/** The question for one pack with all of `wants` that `haves` do not give (gitprotocol-v2, fetch). */
export function packRequest(wants: readonly string[], haves: readonly string[]): string {
  const lines = [
    "no-progress\n",
    "ofs-delta\n",
    ...wants.map((oid) => `want ${oid}\n`),
    ...haves.slice(0, HAVES_MAX).map((oid) => `have ${oid}\n`),
    "done\n",
  ];
  return [packetOf("command=fetch"), packetOf("agent=muster"), DELIMITER, ...lines.map(packetOf), FLUSH].join("");
}

/** The bytes of the pack in the answer. @throws AppError "not-found" (a commit the server does not give), "unavailable". */
export async function* readPack(packets: AsyncIterable<Packet>): AsyncGenerator<Buffer> {
  let isPack = false;
  for await (const packet of packets) {
    if (typeof packet === "string") {
      if (isPack && packet === "flush") return;
      continue;
    }
    if (!isPack) {
      const line = textOf(packet);
      if (line.startsWith("ERR ")) throw refusal(line.slice(4));
      isPack = line === "packfile";
      continue;
    }
    if (packet[0] === 1) yield packet.subarray(1);
    if (packet[0] === 3) throw refusal(packet.toString("utf8", 1));
  }
  throw new AppError("unavailable", "the server's answer ends in the middle");
}

/** Which commit the server does not give, if that is what it says. */
export const unknownCommit = (said: string): string | null =>
  /(?:not our ref|unadvertised object) ([0-9a-f]{40,64})/.exec(said)?.[1] ?? null;

function refusal(text: string): AppError {
  const said = text.trim().slice(0, 300);
  return new AppError(unknownCommit(said) === null ? "unavailable" : "not-found", said);
}
