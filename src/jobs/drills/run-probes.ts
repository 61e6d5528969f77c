/** Commands that say whether what was restored is good: each ends with 0, or has failed. */
import { messageOf } from '../../model/errors.ts'
import type { Probe } from '../config/drill.ts'
import { runTelling } from '../hooks.ts'
import type { DrilledProbe } from './drill-report.ts'

export type ProbePorts = {
  readonly signal: AbortSignal
  readonly said: (probe: string, line: string) => void
}

/** One after the other in `directory`, all of them, whatever becomes of those before. */
export async function runProbes(
  probes: readonly Probe[],
  directory: string,
  env: Readonly<Record<string, string>>,
  { signal, said }: ProbePorts,
): Promise<DrilledProbe[]> {
  const done: DrilledProbe[] = []
  for (const { argv, timeoutMs, title, ...probe } of probes) {
    const began = performance.now()
    let failure: string | undefined
    try {
      const command = { argv, timeoutMs, cwd: directory, env: { ...env, ...probe.env } }
      await runTelling(command, (line) => said(title, line), signal)
    } catch (error) {
      signal.throwIfAborted()
      failure = messageOf(error)
    }
    done.push({ title, failure, durationMs: Math.round(performance.now() - began) })
  }
  return done
}
