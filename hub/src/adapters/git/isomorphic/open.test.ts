import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { plainRemote } from "../../../ports/git-source.ts";
import { openGit } from "../open.ts";

it("goes on with a repository whose server once never answered", async () => {
  const silent: ServerResponse[] = [];
  const server = createServer((_request, response) => {
    if (silent.length === 0) silent.push(response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const directory = await mkdtemp(join(tmpdir(), "muster-git-"));
  const { git } = await openGit({ engine: "isomorphic", directory });
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/fleet.git`;
    const remote = plainRemote(url);
    const wanted = [{ ref: { branch: "main" }, knownHead: null }];
    const stop = new AbortController();
    const first = git.fetch(remote, { wanted, signal: stop.signal });
    const second = git.fetch(remote, { wanted, signal: new AbortController().signal });
    await vi.waitFor(() => expect(silent).toHaveLength(1), { timeout: 5_000 });
    stop.abort();
    await expect(first).rejects.toMatchObject({ code: "cancelled" });
    await expect(second).rejects.toMatchObject({ code: "not-found" });
  } finally {
    await git.close();
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true });
  }
});
