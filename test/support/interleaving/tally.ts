/** How much happened in all worlds. */
import type { SnapError } from '../../../src/model/errors.ts'

export class Tally {
  worlds = 0
  /** Worlds in which something was wrong. */
  lost = 0
  operations = 0
  kills = 0
  /** Times that clients came to the storage. */
  calls = 0
  verifications = 0
  deltaPacks = 0
  restored = 0
  /** By operation, code and what was said. */
  readonly refusals = new Map<string, number>()

  refused(what: string, { code, message }: SnapError): void {
    const name = `${what}: ${code}: ${message.replace(/[0-9a-f]{8,}/g, '...').replace(/\d+/g, 'n')}`
    this.refusals.set(name, (this.refusals.get(name) ?? 0) + 1)
  }

  get refusalsTotal(): number {
    return [...this.refusals.values()].reduce((sum, times) => sum + times, 0)
  }
}
