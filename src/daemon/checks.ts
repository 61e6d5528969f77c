/** When a daemon looks for what is stale or full: now and then, and after what did not go well. It does not know what is looked at. */
import type { Config } from '../jobs/config/config.ts'
import { messageOf } from '../model/errors.ts'

export type ChecksPorts = {
  /** When it was last looked, also by others; `undefined`: nobody knows. ms */
  readonly last: (nowMs: number) => number | undefined
  readonly began: (nowMs: number) => void
  /** Whether anything can be remembered. */
  readonly isKept: () => boolean
  readonly check: (config: Config, signal: AbortSignal) => Promise<void>
  readonly warn: (text: string) => void
}

const MINUTE_MS = 60_000

export class Checks {
  readonly #ports: ChecksPorts
  #isWanted = false
  #underWay: Promise<void> | undefined

  constructor(ports: ChecksPorts) {
    this.#ports = ports
  }

  /** With the next tick, whenever it was last looked. */
  want(): void {
    this.#isWanted = true
  }

  /** Begins to look where that is due and nobody does; never rejects. */
  tick(config: Config, nowMs: number, signal: AbortSignal): void {
    if (!this.#isDue(config, nowMs)) return
    const { began, check, warn } = this.#ports
    this.#isWanted = false
    began(nowMs)
    this.#underWay = check(config, signal)
      .catch((error: unknown) => {
        if (!signal.aborted) warn(`looking for what is stale or full failed: ${messageOf(error)}`)
      })
      .finally(() => {
        this.#underWay = undefined
      })
  }

  /** Until nobody looks. */
  async drain(): Promise<void> {
    await this.#underWay
  }

  #isDue({ daemon: { checkEveryMs } }: Config, nowMs: number): boolean {
    if (this.#underWay !== undefined) return false
    if (this.#isWanted) return true
    const last = this.#ports.last(nowMs)
    // A clock that was put back does not keep it from looking.
    if (last !== undefined) return Math.abs(nowMs - last) >= checkEveryMs
    return this.#ports.isKept() || nowMs % checkEveryMs < MINUTE_MS
  }
}
