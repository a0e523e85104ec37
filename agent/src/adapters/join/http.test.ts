import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { JoinRequest } from "@muster/shared/model/joining.ts";
import "reflect-metadata";
import { X509CertificateGenerator } from "@peculiar/x509";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createHttpEnrolment } from "./http.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const answer = { payload: "cGF5bG9hZA==", signature: "c2ln", root: "pem" };
const request = { version: 1, tokenId: "0123456789abcdef" } as JoinRequest;
const signal = new AbortController().signal;

let server: Server;
let asked: { method: string | undefined; url: string | undefined; body: string }[];
let reply: { status: number; body: string };

/** A server whose certificate nobody vouches for: as a hub's own, or a proxy's, is before joining. */
beforeEach(async () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keys = {
    privateKey: privateKey.toCryptoKey(algorithm, true, ["sign"]),
    publicKey: publicKey.toCryptoKey(algorithm, true, ["verify"]),
  };
  const certificate = await X509CertificateGenerator.createSelfSigned({
    keys,
    name: "CN=x",
    signingAlgorithm: algorithm,
  });
  asked = [];
  reply = { status: 200, body: JSON.stringify(answer) };
  const key = privateKey.export({ format: "pem", type: "pkcs8" });
  server = createServer({ key, cert: certificate.toString("pem") }, async (req, res) => {
    let body = "";
    for await (const part of req) body += part;
    asked.push({ method: req.method, url: req.url, body });
    res.writeHead(reply.status, { "content-type": "application/json" }).end(reply.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => new Promise<void>((resolve) => void server.close(() => resolve())));

const address = (path = "") => `https://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

describe("joining over HTTPS", () => {
  it.each([
    ["", "/v1/join"],
    ["/muster", "/muster/v1/join"],
  ])("asks the address that was configured (%j), whatever its certificate", async (path, url) => {
    const hub = createHttpEnrolment({ address: address(path) });
    expect(await hub.join(request, { signal })).toEqual(answer);
    expect(asked).toEqual([{ method: "POST", url, body: JSON.stringify(request) }]);
    await hub.close();
  });

  it("passes on the hub's refusal: code, words and fix", async () => {
    const hub = createHttpEnrolment({ address: address() });
    reply = {
      status: 403,
      body: JSON.stringify({ code: "forbidden", detail: "cannot join: expired", fix: "a new token" }),
    };
    await expect(hub.join(request, { signal })).rejects.toMatchObject({
      ...{ code: "forbidden", message: "cannot join: expired", fix: "a new token" },
    });
    await hub.close();
  });

  it.each([
    [503, '{"detail":"busy"}', /answered 503: busy/],
    [502, "<html>bad gateway</html>", /answered 502/],
    [200, "<html>welcome</html>", /is not a Muster hub/],
    [404, "not found", /answered 404/],
  ])("takes an answer of %i %j for something to try again", async (status, body, message) => {
    const hub = createHttpEnrolment({ address: address() });
    reply = { status, body };
    await expect(hub.renew(request as never, { signal })).rejects.toMatchObject({ code: "unavailable", message });
    await hub.close();
  });

  it("says when nobody answers, or nobody waits any more", async () => {
    const hub = createHttpEnrolment({ address: "https://127.0.0.1:1" });
    await expect(hub.join(request, { signal })).rejects.toMatchObject({
      code: "unavailable",
      message: /does not answer/,
    });
    const cancel = AbortSignal.abort();
    await expect(hub.join(request, { signal: cancel })).rejects.toMatchObject({ code: "cancelled" });
    await hub.close();
  });

  it.each(["hub.example.com", "http://hub.example.com", "https://me:pw@hub.example.com"])(
    "refuses the address %s",
    (bad) => {
      expect(() => createHttpEnrolment({ address: bad })).toThrow(/hub.address/);
    },
  );
});
