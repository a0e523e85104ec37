import { enrolmentAnswer, joinRequest, renewRequest } from "@muster/shared/model/joining.ts";
import type { Enrolment } from "../../ports/enrolment.ts";
import type { Api } from "./routes.ts";

const BODY_BYTES_MAX = 32 * 1024;
/** By address. A site whose clusters share one address may bring hundreds of them back at once. */
const REQUESTS_PER_MINUTE_MAX = 600;

/** The two calls without a bearer token: each request proves itself, and the flow behind it checks the proof. */
export function addJoinRoutes(api: Api, { enrolment }: { enrolment: Enrolment }): void {
  const options = {
    bodyLimit: BODY_BYTES_MAX,
    config: { rateLimit: { max: REQUESTS_PER_MINUTE_MAX, timeWindow: "1 minute" } },
  };
  const schema = { tags: ["joining"], security: [] };
  api.post(
    "/v1/join",
    {
      ...options,
      schema: {
        ...schema,
        operationId: "join",
        summary: "An agent joins with a one-time token, which it proves without sending it",
        body: joinRequest,
        response: { 200: enrolmentAnswer },
      },
    },
    (request) => enrolment.join(request.body, { from: request.ip }),
  );

  api.post(
    "/v1/renew",
    {
      ...options,
      schema: {
        ...schema,
        operationId: "renew",
        summary: "An agent renews its certificate, signed with its own key",
        body: renewRequest,
        response: { 200: enrolmentAnswer },
      },
    },
    (request) => enrolment.renew(request.body, { from: request.ip }),
  );
}
