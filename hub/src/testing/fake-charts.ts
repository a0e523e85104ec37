import { createHash } from "node:crypto";
import { AppError } from "@muster/shared/errors.ts";
import type { ChartSource, ResolvedChart } from "../ports/chart-source.ts";

/** One chart in one repository, whose newest version a test chooses; an archive is text that `FakeRenderer` gives. */
export class FakeCharts implements ChartSource {
  #newest: { version: string; archive: string } | null = null;
  resolves = 0;
  /** Whether the repository does; otherwise whoever asks is told that it does not. */
  answers = true;

  publish(version: string, archive: string): void {
    this.#newest = { version, archive };
  }

  lose(): void {
    this.#newest = null;
  }

  async resolve({ name }: { name: string }): Promise<ResolvedChart> {
    this.resolves += 1;
    const { version, archive } = this.#present();
    return { name, version, digest: `sha256:${createHash("sha256").update(archive).digest("hex")}` };
  }

  async pull(): Promise<Uint8Array> {
    return new TextEncoder().encode(this.#present().archive);
  }

  async close(): Promise<void> {}

  #present(): { version: string; archive: string } {
    if (!this.answers) throw new AppError("unavailable", "https://charts.example.com did not answer");
    if (this.#newest === null) throw new AppError("not-found", "the chart is not in its repository");
    return this.#newest;
  }
}
