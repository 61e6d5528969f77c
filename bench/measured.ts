/** Runs one command in a process of its own and says what it took. */
import { spawnSync } from 'node:child_process'
import type { Command } from './tools/tool.ts'

export interface Measured {
  readonly seconds: number
  /** User and system time of all its processes and threads. */
  readonly processorSeconds: number
  /** Resident memory of its largest process, at most, in bytes. */
  readonly peakBytes: number
}

const OUTPUT_BYTES_MAX = 1 << 28

/** `cache` is where the tool keeps local state. Throws where the command fails. */
export function measured(command: Command, cache: string): Measured {
  const started = performance.now()
  const { status, stdout, stderr } = spawnSync('/usr/bin/time', ['-f', 'took %U %S %M', ...command], {
    env: {
      ...process.env,
      BORG_BASE_DIR: cache,
      BORG_PASSPHRASE: 'benchmark',
      RESTIC_PASSWORD: 'benchmark',
      BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes',
    },
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
  })
  const seconds = (performance.now() - started) / 1_000
  const took = /took ([\d.]+) ([\d.]+) (\d+)\s*$/.exec(stderr)
  if (status !== 0 || took === null)
    throw new Error(`${command.join(' ')} ended with ${status}:\n${stderr.slice(-2_000)}`)
  // A floor says itself how long it took, without what it had to prepare.
  const said = /^took ([\d.]+) seconds$/m.exec(stdout)?.[1]
  return {
    seconds: said === undefined ? seconds : Number(said),
    processorSeconds: Number(took[1]) + Number(took[2]),
    peakBytes: Number(took[3]) * 1_024,
  }
}
