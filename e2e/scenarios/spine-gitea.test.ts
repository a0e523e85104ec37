import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { tellSpine } from "../fleet/spine-story.ts";
import { giteaAvailability } from "../forge/gitea-availability.ts";
import { type GiteaServer, giteaServer } from "../forge/gitea-server.ts";

const availability = await giteaAvailability();

await describeFleet("the spine with Gitea as the forge", { sharedFleet: false }, ({ ownFleet }) => {
  describe.skipIf(!availability.ok)("webhooks come from Gitea itself", () => {
    let gitea: GiteaServer;
    beforeAll(async () => {
      gitea = await giteaServer();
    }, 120_000);
    afterAll(() => gitea?.stop(), 60_000);

    test("a push to Gitea reaches every cluster", async () => {
      const fleet = await ownFleet({ forge: gitea });
      const app = await tellSpine(fleet);
      expect((await fleet.hub.api.source(app.name)).url).toBe(app.repository.url);
    });
  });
});
