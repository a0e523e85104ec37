import { AppError } from "@muster/shared/errors.ts";
import type { ChartSource } from "../ports/chart-source.ts";

const nothingThere = async (): Promise<never> => {
  throw new AppError("not-found", "there is no registry here");
};

/** For hubs whose tests are about something else. */
export const noCharts: ChartSource = { resolve: nothingThere, pull: nothingThere, close: async () => {} };
