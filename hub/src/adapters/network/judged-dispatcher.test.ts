import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { type Dispatcher, interceptors, request } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { createAddressPolicy, type Lookup } from "./address-policy.ts";
import { parseAllowed } from "./judge-address.ts";
import { createJudgedDispatcher } from "./judged-dispatcher.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (let close = closers.pop(); close; close = closers.pop()) await close();
});

const tls = { ca: null, client: null };

function dispatcher(allowed: string[], opts: { proxy?: string; lookUp?: Lookup } = {}): Dispatcher {
  const policy = createAddressPolicy(parseAllowed(allowed), opts.lookUp);
  const made = createJudgedDispatcher(policy, { tls, proxy: opts.proxy ?? null });
  closers.push(() => made.destroy());
  return made;
}

async function listen(server: Server, host = "127.0.0.1"): Promise<number> {
  await new Promise<void>((done) => server.listen(0, host, done));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

describe("a judged dispatcher", () => {
  it("reaches what is allowed, by name and by address", async () => {
    const port = await listen(createServer((_, answer) => answer.end("here")));
    const judged = dispatcher(["loopback"], { lookUp: async () => ["127.0.0.1"] });
    for (const host of ["127.0.0.1", "git.example.com"]) {
      const { body } = await request(`http://${host}:${port}/`, { dispatcher: judged });
      expect(await body.text()).toBe("here");
    }
  });

  it.each(["localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "2130706433"])("opens no connection to %s", async (host) => {
    let connections = 0;
    const server = createServer((_, answer) => answer.end());
    server.on("connection", () => {
      connections += 1;
    });
    const port = await listen(server);
    await expect(request(`http://${host}:${port}/`, { dispatcher: dispatcher([]) })).rejects.toMatchObject({
      code: "forbidden",
    });
    expect(connections).toBe(0);
  });

  it("judges where a redirect leads", async () => {
    const port = await listen(
      createServer((incoming, answer) => {
        const location = `http://127.0.0.2:${(incoming.socket.address() as AddressInfo).port}/`;
        answer.writeHead(302, { location }).end();
      }),
      "0.0.0.0",
    );
    const judged = dispatcher(["127.0.0.1"]).compose(interceptors.redirect({ maxRedirections: 3 }));
    await expect(request(`http://127.0.0.1:${port}/`, { dispatcher: judged })).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("127.0.0.2"),
    });
  });

  describe("behind a proxy", () => {
    async function proxy(): Promise<{ url: string; asked: string[] }> {
      const asked: string[] = [];
      const server = createServer((incoming, answer) => {
        asked.push(incoming.url ?? "");
        answer.end("through the proxy");
      });
      server.on("connect", (incoming, socket) => {
        asked.push(incoming.url ?? "");
        const onward = connect(Number(incoming.url?.split(":")[1]), "127.0.0.1", () => {
          socket.write("HTTP/1.1 200 OK\r\n\r\n");
          socket.pipe(onward).pipe(socket);
        });
        for (const end of [socket, onward]) end.on("error", () => {});
        socket.on("close", () => onward.destroy());
      });
      return { url: `http://127.0.0.1:${await listen(server)}`, asked };
    }

    it.each([
      ["a public host", async () => ["93.184.215.14"]],
      ["a host that only the proxy knows", async () => Promise.reject(new Error("ENOTFOUND"))],
    ])("asks it for %s", async (_, lookUp) => {
      const { url, asked } = await proxy();
      const judged = dispatcher([], { proxy: url, lookUp });
      const { body } = await request("http://charts.example.com/index.yaml", { dispatcher: judged });
      expect(await body.text()).toBe("through the proxy");
      expect(asked).toEqual(["http://charts.example.com/index.yaml"]);
    });

    it.each(["http://169.254.169.254/", "https://10.0.0.1/", "http://db.internal/"])(
      "does not ask it for %s",
      async (target) => {
        const { url, asked } = await proxy();
        const judged = dispatcher([], { proxy: url, lookUp: async () => ["10.0.0.9"] });
        await expect(request(target, { dispatcher: judged })).rejects.toMatchObject({ code: "forbidden" });
        expect(asked).toEqual([]);
      },
    );
  });
});
