/** What a measurement was made on. */
import { cpus, release, totalmem } from 'node:os'
import type { Machine } from './result.ts'

export const machine = (): Machine => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryBytes: totalmem(),
  system: `Linux ${release()}`,
  node: process.version,
  date: new Date().toISOString().slice(0, 10),
})
