/** Names of runs: by when they began, so that they sort, with some letters that tell two of one second apart. */
import type { Random } from '../../model/clock.ts'

const LETTERS = 'bcdfghjkmnpqrstvwxz23456789'
const LETTERS_COUNT = 4
export const RUN_ID: RegExp = /^\d{8}-\d{6}-[a-z0-9]{4}$/

/** `20261122-181645-k3fp`, in UTC. */
export function newRunId(nowMs: number, random: Random): string {
  const [day = '', time = ''] = new Date(nowMs).toISOString().replaceAll(/[-:]/g, '').split(/[T.]/)
  const letters = [...random.bytes(LETTERS_COUNT)].map((byte) => LETTERS[byte % LETTERS.length])
  return `${day}-${time}-${letters.join('')}`
}
